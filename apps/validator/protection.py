"""Slashing protection kept on the disk: `audit_chain.beacon.slashing_protection` over this validator's tables.

Call within the transaction that also keeps the head, before the signature leaves.
"""

import hashlib
from collections.abc import Iterable, Sequence

from apps.validator.models import SignedBlock, SignedVote
from audit_chain.beacon import slashing_protection
from audit_chain.beacon.slashing_protection import Interchange, KeyHistory
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import VerifierKey

KEPT = 32  # votes of a key; what is older lies below them and is refused whatever it is


def network_root(beacon: VerifierKey) -> bytes:
    """What EIP-3076 calls genesis_validators_root: votes are compared within one origin of the beacon's log."""
    return hashlib.sha256(str(beacon).encode()).digest()


def signing_root(checkpoint: LogCheckpoint) -> bytes:
    """Tells two votes with the same epochs apart."""
    return hashlib.sha256(checkpoint.text().encode()).digest()


def read(network: bytes, pubkey: bytes) -> KeyHistory:
    """What that key has signed."""
    own = {"network": network.hex(), "pubkey": pubkey.hex()}
    votes = [
        (slashing_protection.SignedVote(target, source, _root(root)), is_floor)
        for target, source, root, is_floor in SignedVote.objects.filter(**own).values_list(
            "target", "source", "signing_root", "is_floor"
        )
    ]
    blocks = [
        (slashing_protection.SignedBlock(slot, _root(root)), is_floor)
        for slot, root, is_floor in SignedBlock.objects.filter(**own).values_list("slot", "signing_root", "is_floor")
    ]
    return KeyHistory(
        votes=tuple(sorted(vote for vote, is_floor in votes if not is_floor)),
        blocks=tuple(sorted(block for block, is_floor in blocks if not is_floor)),
        vote_floor=max((vote for vote, is_floor in votes if is_floor), default=None),
        block_floor=max((block for block, is_floor in blocks if is_floor), default=None),
    )


def read_all(network: bytes, pubkeys: Iterable[bytes]) -> KeyHistory:
    """What any of those keys has signed: they are one validator's, who has one voice."""
    history = KeyHistory()
    for pubkey in pubkeys:
        history = history.merged(read(network, pubkey))
    return history


def write(network: bytes, pubkey: bytes, history: KeyHistory) -> None:
    """Replaces what that key has signed."""
    own = {"network": network.hex(), "pubkey": pubkey.hex()}
    SignedVote.objects.filter(**own).delete()
    SignedBlock.objects.filter(**own).delete()
    SignedVote.objects.bulk_create(_vote_row(own, vote) for vote in history.votes)
    SignedBlock.objects.bulk_create(
        SignedBlock(**own, slot=block.slot, signing_root=block.signing_root) for block in history.blocks
    )
    if history.vote_floor:
        _vote_row(own, history.vote_floor, is_floor=True).save()
    if history.block_floor:
        SignedBlock.objects.create(**own, slot=history.block_floor.slot, is_floor=True)


def remember(network: bytes, pubkey: bytes, votes: Iterable[slashing_protection.SignedVote]) -> None:
    """Adds votes that the key casts, or has cast."""
    before = read(network, pubkey)
    after = before
    for vote in votes:
        after = after.with_vote(vote)
    if not after.is_consistent:
        write(network, pubkey, after.minimal())
        return
    after = after.latest_votes(KEPT)
    own = {"network": network.hex(), "pubkey": pubkey.hex()}
    rows = SignedVote.objects.filter(**own)
    SignedVote.objects.bulk_create(_vote_row(own, vote) for vote in after.votes if not _holds(before, vote))
    if after.vote_floor and after.vote_floor != before.vote_floor:
        rows.filter(is_floor=True).delete()
        rows.filter(target__lt=after.votes[0].target).delete()
        _vote_row(own, after.vote_floor, is_floor=True).save()


def recall(network: bytes, pubkeys: Sequence[bytes], seen: Iterable[slashing_protection.SignedVote]) -> bool:
    """Whether the log shows votes of these keys that were forgotten; they are remembered from now on."""
    history = read_all(network, pubkeys)
    floor = history.vote_floor.target if history.vote_floor else -1
    # What lies below the floor was cut off, and is forbidden whatever it was.
    forgotten = [vote for vote in seen if vote.target > floor and not _holds(history, vote)]
    if forgotten:
        remember(network, pubkeys[-1], forgotten)
    return bool(forgotten)


def export(network: bytes) -> Interchange:
    """Everything that is remembered for that network."""
    keys = {
        *SignedVote.objects.filter(network=network.hex()).values_list("pubkey", flat=True),
        *SignedBlock.objects.filter(network=network.hex()).values_list("pubkey", flat=True),
    }
    return Interchange(network, {bytes.fromhex(key): read(network, bytes.fromhex(key)) for key in keys})


def take_in(interchange: Interchange) -> None:
    """Adds an imported file to what is remembered; nothing that was forbidden becomes allowed."""
    network = interchange.genesis_validators_root
    for pubkey, history in interchange.histories.items():
        write(network, pubkey, read(network, pubkey).merged(history))


def _vote_row(own: dict[str, str], vote: slashing_protection.SignedVote, *, is_floor: bool = False) -> SignedVote:
    return SignedVote(**own, source=vote.source, target=vote.target, signing_root=vote.signing_root, is_floor=is_floor)


def _holds(history: KeyHistory, vote: slashing_protection.SignedVote) -> bool:
    return any(one == vote and one.signing_root == vote.signing_root for one in history.votes)


def _root(value: bytes | memoryview | None) -> bytes | None:
    return None if value is None else bytes(value)
