"""What a validator says of itself."""

from apps.network.validator_api import Following, ValidatorStatus, WitnessedLog
from apps.validator.heads import found_problem
from apps.validator.identity import Identity
from apps.validator.models import SignedHead
from apps.validator.replica import replayed_size
from audit_chain.encoding import to_time


def signed_note(origin_hash: str) -> bytes | None:
    """The latest cosigned checkpoint of the log whose origin has this SHA-256 hash (hex); None before the first."""
    head = SignedHead.objects.filter(origin_hash=origin_hash).first()
    return bytes(head.note) if head else None


def status_of(identity: Identity) -> ValidatorStatus:
    heads = SignedHead.objects.order_by("origin")
    return ValidatorStatus(
        name=identity.node.name,
        network=identity.network.network,
        keys=tuple(map(str, identity.node.all_keys)),
        logs=tuple(
            WitnessedLog(origin=head.origin, size=head.size, root=bytes(head.root), time=to_time(head.signed_at))
            for head in heads
        ),
        beacon=Following(url=identity.network.beacon.url, size=replayed_size(), problem=found_problem()),
    )
