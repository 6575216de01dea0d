"""Finality: a block is final once two thirds of the validators have cosigned a checkpoint that covers it."""

from collections.abc import Collection, Sequence

from django.db import transaction

from apps.beacon.log import open_store
from apps.beacon.models import Block, Cosignature
from apps.network.network_file import NetworkFile
from audit_chain.errors import NotInLog, QuorumNotReached
from audit_chain.log.cosignature import timestamp_of
from audit_chain.log.keys import COSIGN_ED25519, COSIGN_MLDSA44
from audit_chain.log.note import Note, Signature
from audit_chain.log.policy import TrustPolicy

COSIGNER_KINDS = (COSIGN_ED25519, COSIGN_MLDSA44)
COMPACT_KINDS = (COSIGN_ED25519,)


def final_size() -> int:
    """Size of the greatest tree that is final; 0 before the first."""
    return Block.objects.filter(decisive=True).order_by("-size").values_list("size", flat=True).first() or 0


def first_final_size(index: int) -> int | None:
    """Size of the first checkpoint over the entry at `index` that a quorum signed itself; None before there is one.

    A proof against this one says "no later than" a moment that no later signature can move.
    """
    covering = Block.objects.filter(decisive=True, size__gt=index).order_by("size")
    return covering.values_list("size", flat=True).first()


def checkpoint_note(size: int, network: NetworkFile, *, kinds: Collection[int] = COSIGNER_KINDS) -> Note:
    """The log's signed checkpoint of this size with its cosignatures so far, validators in the order of genesis."""
    seal = open_store().seal_at(size)
    if seal is None:
        raise NotInLog("no checkpoint of that size", got=size)
    ranks = {validator.name: rank for rank, validator in enumerate(network.validators)}
    rows = Cosignature.objects.filter(size=size, kind__in=kinds).values_list("validator", "kind", "line")
    lines = [line for validator, _, line in sorted(rows, key=lambda row: (ranks.get(row[0], len(ranks)), row[1]))]
    return Note.parse(seal.note).with_signatures(*map(Signature.parse, lines))


def cosignatures_record(
    *, size: int, validator: str, signatures: Sequence[Signature], network: NetworkFile, policy: TrustPolicy
) -> bool:
    """Keeps a validator's verified signatures on the checkpoint of this size; True when that made the block final.

    The first line of each key stays. A stop before the commit loses the lines, and the validator is asked again.
    """
    kinds = {(key.name, key.key_id): key.kind for key in network.validator(validator).keys}
    rows = [
        Cosignature(
            size=size,
            validator=validator,
            kind=kinds[signature.name, signature.key_id],
            line=signature.line(),
            signed_at=timestamp_of(signature),
        )
        for signature in signatures
    ]
    with transaction.atomic():
        Cosignature.objects.bulk_create(rows, ignore_conflicts=True)
        if not is_quorum(checkpoint_note(size, network), policy):
            return False
        Block.objects.filter(size=size).update(decisive=True)
        return Block.objects.filter(size__lte=size, final=False).update(final=True) > 0


def is_quorum(note: Note, policy: TrustPolicy) -> bool:
    try:
        policy.verify_cosignatures(note)
    except QuorumNotReached:
        return False
    return True
