"""Restart: the log goes on from its latest justified checkpoint, under the next origin and a new key.

For a beacon whose sequencer has split the votes, so that nothing becomes final any more. Two thirds of the validators'
weight sign one motion to restart, each with its governance key. What stood behind that tree is taken out of
the log and kept beside it, as evidence; what members, pools and validators had handed in waits again for a place.
"""

import secrets
from collections.abc import Sequence
from hashlib import sha256

from django.db import connection, transaction

from apps.beacon.finality import checkpoint_note
from apps.beacon.log import open_state, open_state_store, open_store
from apps.beacon.models import Block, Cosignature, DroppedCheckpoint, DroppedEntry, Epoch, Finality, Submission
from apps.beacon.participation import get_justified, get_participation
from apps.beacon.sealing import Sealing
from apps.network.network_file import NetworkFile
from audit_chain.beacon.casper.accessors import get_current_epoch, get_previous_epoch
from audit_chain.beacon.casper.containers import JUSTIFICATION_BITS_LENGTH
from audit_chain.beacon.entries import Attestation, Genesis, Restart, Seal, Validator, parse_entry
from audit_chain.beacon.motion import SERIAL_SIZE, Motion
from audit_chain.beacon.state import get_log
from audit_chain.beacon.transition import process_latest_seal
from audit_chain.encoding import to_base64
from audit_chain.errors import InvalidRestart, NotInLog
from audit_chain.log.keys import VerifierKey
from audit_chain.log.note import Note
from audit_chain.log.store import LogHead
from audit_chain.log.store import Seal as SealedTree
from audit_chain.log.tiles import TILE_HEIGHT, TILE_WIDTH
from audit_chain.merkle.hashing import HASH_SIZE
from audit_chain.statemap.store import roll_back

BATCH = 4096  # entries
NOT_HANDED_IN = (Attestation, Genesis, Restart, Seal, Validator)


def restart_motion(key: VerifierKey) -> Motion:
    """The motion to go on from the latest justified checkpoint with that key, for the validators to sign."""
    seal = _justified()
    return Motion(
        action="restart",
        expires=get_current_epoch(open_state().casper) + 1,
        serial=secrets.token_bytes(SERIAL_SIZE),
        content={"key": str(key), "root": to_base64(seal.root), "size": seal.size},
    )


def is_restarted(key: VerifierKey) -> bool:
    """Whether the log goes on under that key already."""
    return get_log(open_state()).key == key


def restart(ballots: Sequence[Note], sealing: Sealing, network: NetworkFile, *, now: int) -> SealedTree:
    """The first block under the next origin. The caller holds the writer's lock.

    InvalidRestart where the ballots are for another tree than the latest justified one, or too few. All in one
    transaction: a stop leaves the log as it was, or restarted.
    """
    entry = Restart(tuple(ballots)).encode()
    motion = parse_restart(entry).ballots[0].motion
    seal = _justified()
    if (motion.content["size"], motion.content["root"]) != (seal.size, to_base64(seal.root)):
        raise InvalidRestart(
            "the ballots are for another tree than the latest justified one", expected=seal.size, got="another"
        )
    with transaction.atomic():
        origin = get_log(open_state()).origin
        open_store().lock()
        _keep_what_is_dropped(origin, seal.size, network)
        _roll_back(seal)
        return sealing.seal_restart(entry, now=now)


def parse_restart(entry: bytes) -> Restart:
    """The entry, whose ballots are for one and the same motion to restart; MalformedEntry else."""
    parsed = parse_entry(entry)
    if not isinstance(parsed, Restart):
        raise InvalidRestart("an entry of another type", expected=Restart.TYPE, got=parsed.TYPE)
    return parsed


def _justified() -> SealedTree:
    """The tree to go on from.

    The finalized one may be too early: a proof that a later one is final needs signatures only, and may have left
    before a block knew of it. What is final was justified before, though.
    """
    latest = Epoch.objects.filter(justified=True).order_by("-number").first()
    seal = open_store().seal_at(latest.size) if latest else None
    if seal is None:
        raise NotInLog("nothing is justified yet, so there is nothing to go on from")
    return seal


def _keep_what_is_dropped(origin: str, size: int, network: NetworkFile) -> None:
    store = open_store()
    end = store.head().next_index
    for first in range(size, end, BATCH):
        entries = store.read_entries(first, min(first + BATCH, end))
        DroppedEntry.objects.bulk_create(
            DroppedEntry(origin=origin, index=index, entry=entry) for index, entry in enumerate(entries, first)
        )
        Submission.objects.bulk_create(
            (
                Submission(entry=entry, digest=sha256(entry).digest())
                for entry in entries
                if not isinstance(parse_entry(entry), NOT_HANDED_IN)
            ),
            ignore_conflicts=True,
        )
    for seal in store.seals(size, end):
        note = checkpoint_note(seal.size, network).render()
        DroppedCheckpoint.objects.create(origin=origin, size=seal.size, note=note)


def _roll_back(seal: SealedTree) -> None:
    """The tables as they were when this seal was the latest, but for finality, which has moved on since."""
    for model in (Block, Epoch, Cosignature, Finality):
        model.objects.filter(size__gt=seal.size).delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM log_entry WHERE index >= %s", [seal.size])
        cursor.execute("DELETE FROM log_seal WHERE size > %s", [seal.size])
        cursor.execute("SELECT DISTINCT level FROM log_tile")
        for (level,) in cursor.fetchall():
            last, width = divmod(seal.size >> TILE_HEIGHT * level, TILE_WIDTH)
            cursor.execute(
                "DELETE FROM log_tile WHERE level = %s AND index >= %s", [level, last + 1 if width else last]
            )
            cursor.execute(
                "UPDATE log_tile SET data = substr(data, 1, %s) WHERE level = %s AND index = %s",
                [width * HASH_SIZE, level, last],
            )
    open_store().write_head(LogHead(next_index=seal.size, tree_size=seal.size, root=seal.root))
    roll_back(open_state_store(), seal.size)
    _take_votes_back()


def _take_votes_back() -> None:
    """The latest epochs' votes and justifications as the state has them, without those that dropped blocks brought."""
    state = open_state()
    process_latest_seal(state)
    casper = state.casper
    current = get_current_epoch(casper)
    for epoch in Epoch.objects.filter(number__gte=get_previous_epoch(casper)):
        participation = get_participation(casper, epoch.number)
        if bytes(epoch.voters) != participation.voters:
            voters = participation.voters if participation.voted else b""
            Epoch.objects.filter(number=epoch.number).update(
                voted=participation.voted, total=participation.total, voters=voters
            )
    justified = get_justified(casper, current - 1) if current else []
    recent = Epoch.objects.filter(number__gt=current - JUSTIFICATION_BITS_LENGTH)
    recent.exclude(number__in=justified).update(justified=False)
