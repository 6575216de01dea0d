"""Anchoring: the newest seal goes onto the beacon, and is called final once that is proven.

    cosign     witnesses sign the seal's checkpoint      -> anchor row
    submit     the beacon queues the crosslink           (nothing to keep: submitting again is harmless)
    anchored   the beacon has it in its log              -> its index in the row
    final      entry, proofs and quorum verified here    -> all in the row

Each step is a sweep that reads where things stand and goes on from there, so a stop anywhere costs a repetition:

    - witnesses signed and we stopped before keeping it: they sign the same checkpoint again;
    - the beacon took the crosslink and its answer was lost: it answers the repetition with its index, or with a current
      crosslink that is ours;
    - it was never handed in: it is now;
    - the beacon refuses it for good, as when its committee's epoch has passed: the next sweep has it cosigned anew;
    - the beacon was restarted from its last final checkpoint and has lost the crosslink: whatever was anchored and not
      final is sealed again, and goes its way once more. What is final stays so.

One crosslink is under way at a time. Seals made meanwhile wait, and only the newest of them goes next: it covers all.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from audit_chain import canonical
from audit_chain.beacon.entries import Crosslink as CrosslinkEntry
from audit_chain.beacon.entries import Pool as PoolEntry
from audit_chain.beacon.entries import parse_entry
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.errors import Invalid, Malformed, QuorumNotReached
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import COSIGN_MLDSA44
from audit_chain.log.note import Note, verified_signatures
from audit_chain.log.sealed_log import Seal, SealedLog
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.merkle.hashing import EMPTY_ROOT, leaf_hash
from audit_chain.proof.finality import verify_finality
from data_pool.errors import BeaconRefused
from data_pool.network import Accepted, Beacon, Crosslink, ProvenEntry, TreeHead, Witnesses
from data_pool.setup import Setup
from data_pool.state import prune_state
from data_pool.storage.rows import AnchorRow, RegistrationRow

logger = logging.getLogger(__name__)

EMPTY_TREE = TreeHead(0, EMPTY_ROOT)
TURN = "anchoring"
"""Of both sweeps: each reads an anchor's row and writes what follows from it, and neither may write over the other."""


def anchor(setup: Setup, witnesses: Witnesses, beacon: Beacon) -> None:
    """Hands in the crosslink that is under way, or else the one for the newest seal, if there is a newer one.

    Raises BeaconUnreachable where the beacon cannot be asked, and QuorumNotReached where too few witnesses signed; both
    leave a state that the next call goes on from.
    """
    with setup.storage.turn(TURN) as ours:
        if ours:
            row = _get_in_flight(setup) or _cosign_newest(setup, witnesses, beacon)
            if row is not None:
                _submit(setup, row, beacon)


def follow(setup: Setup, beacon: Beacon) -> None:
    """Asks the beacon what became of this pool's registration and crosslinks, and keeps what it can verify.

    Raises BeaconUnreachable, and BeaconRefused where an answer does not hold.
    """
    with setup.storage.turn(TURN) as ours:
        if not ours:
            return
        _follow_registration(setup, beacon)
        with setup.storage.transaction() as rows:
            if not rows.unfinished_anchors():
                return
        current = beacon.crosslink(setup.name)
        for row in _drop_lost(setup, _tree_of(current)):
            found = _locate(setup, row, current)
            if found is not None:
                _finish(setup, found, beacon)


def is_settled(setup: Setup) -> bool:
    """Whether everything that was appended is final, so that there is nothing to seal, anchor or follow."""
    with setup.storage.transaction() as rows:
        return rows.anchored_size(final=True) == rows.log.head().next_index


# Cosigning


def _get_in_flight(setup: Setup) -> AnchorRow | None:
    with setup.storage.transaction() as rows:
        return next((row for row in rows.unfinished_anchors() if row.beacon_index is None), None)


def _cosign_newest(setup: Setup, witnesses: Witnesses, beacon: Beacon) -> AnchorRow | None:
    """The row of the newest seal with a quorum's cosignatures, kept; None where there is no new seal."""
    with setup.storage.transaction() as rows:
        newest, latest = rows.log.latest_seal(), rows.latest_anchor()
        if newest is None or (latest is not None and latest.size >= newest.size):
            return None
        parent = _get_tree(rows.log.seal_at(latest.size)) if latest else EMPTY_TREE
    try:
        epoch, note = _cosign(setup, newest, witnesses)
    except QuorumNotReached:
        # Witnesses are away, or they refuse a log that was put back from an older copy. The beacon can tell which.
        _check_history(setup, _tree_of(beacon.crosslink(setup.name)))
        raise
    # A stop here loses the cosignatures; the witnesses give them again for the same checkpoint.
    row = AnchorRow(
        size=newest.size,
        parent_size=parent.size,
        parent_root=parent.root,
        epoch=epoch,
        note=note.render(),
        created=setup.now(),
        beacon_index=None,
        anchored=None,
        final=None,
        entry=None,
        proof=None,
        finality=None,
        wrapped=b"",
    )
    return _save(setup, row)


def _cosign(setup: Setup, seal: Seal, witnesses: Witnesses) -> tuple[int, Note]:
    """The seal's note with a quorum's cosignatures, and the epoch of the committee that gave them."""

    def prove_consistency(old_size: int) -> list[bytes]:
        with setup.storage.transaction() as rows:
            return SealedLog(rows.log, setup.keys.signer).consistency_proof(old_size, seal.size)

    cosigned = witnesses.cosign(setup.origin, seal.note, prove_consistency)
    note = Note.parse(seal.note).with_signatures(*cosigned.signatures)
    setup.policy.verify_cosignatures(_without_large_lines(setup, note))
    return cosigned.epoch, note


def _without_large_lines(setup: Setup, note: Note) -> Note:
    """The note as it is handed in: a crosslink carries no ML-DSA-44 line. The beacon puts the others into order."""
    large = {(one.key.name, one.key.key_id) for one in setup.policy.witnesses if one.key.kind == COSIGN_MLDSA44}
    return Note(note.text, tuple(line for line in note.signatures if (line.name, line.key_id) not in large))


def _get_tree(seal: Seal | None) -> TreeHead:
    return TreeHead(seal.size, seal.root) if seal else EMPTY_TREE


def _tree_of(crosslink: Crosslink | None) -> TreeHead:
    return TreeHead(crosslink.size, crosslink.root) if crosslink else EMPTY_TREE


# Submitting


def _submit(setup: Setup, row: AnchorRow, beacon: Beacon) -> None:
    try:
        answer = beacon.submit_crosslink(
            pool=setup.name,
            epoch=row.epoch,
            parent=TreeHead(row.parent_size, row.parent_root),
            checkpoint=_without_large_lines(setup, Note.parse(row.note)).render(),
        )
    except BeaconRefused:
        # It will never take this one; another committee may cosign one that it takes.
        with setup.storage.transaction() as rows:
            rows.drop_anchor(row.size)
        raise
    if isinstance(answer, Accepted):
        if answer.index is not None:
            _save(setup, replace(row, beacon_index=answer.index, anchored=setup.now()))
        return
    current = answer.current
    _drop_lost(setup, current)
    if current.size >= row.size:
        return  # Ours came through although its answer was lost, or a longer one did: `follow` finds it.
    # The beacon stands at another of our earlier trees than we remember: the crosslink follows that one instead.
    _save(setup, replace(row, parent_size=current.size, parent_root=current.root))


def _drop_lost(setup: Setup, current: TreeHead) -> list[AnchorRow]:
    """The unfinished anchors, without those that the beacon had and, standing at `current`, has no longer.

    Raises BeaconRefused where `current` is no tree of this log, or lies before one that is final.
    """
    _check_history(setup, current)
    with setup.storage.transaction() as rows:
        final = rows.anchored_size(final=True)
        if current.size < final:
            raise BeaconRefused("the beacon went back behind what is final", expected=final, got=current.size)
        kept = []
        for row in rows.unfinished_anchors():
            if row.beacon_index is not None and row.size > current.size:
                logger.warning("pool %s: the beacon has lost the crosslink of %s entries", setup.name, row.size)
                rows.drop_anchor(row.size)
            else:
                kept.append(row)
    return kept


def _check_history(setup: Setup, tree: TreeHead) -> None:
    """Nothing, where `tree` is one that this log has been at."""
    with setup.storage.transaction() as rows:
        head = rows.log.head()
        if tree.size <= head.tree_size:
            root = SealedLog(rows.log, setup.keys.signer).root(tree.size)
            if root == tree.root:
                return
    raise BeaconRefused(
        "the beacon knows another history of this pool: stop writing to it and restore its latest backup",
        expected=f"a tree within our {head.tree_size} entries",
        got=f"another tree of {tree.size} entries",
    )


# Following


def _follow_registration(setup: Setup, beacon: Beacon) -> None:
    with setup.storage.transaction() as rows:
        if rows.registration() is not None:
            return
    proven = beacon.registration(setup.name)
    if proven is None:
        return
    verify_registration(setup, proven)
    with setup.storage.transaction() as rows:
        if rows.registration() is None:
            row = RegistrationRow(entry=proven.entry, proof=proven.proof, finality=proven.finality, wrapped=b"")
            rows.insert([setup.keys.close_row(row)])


def _locate(setup: Setup, row: AnchorRow, current: Crosslink | None) -> AnchorRow | None:
    """The row with its index in the beacon's log, once it is there."""
    if current is None or current.size < row.size:
        return None
    if current.size == row.size:
        known = row.beacon_index == current.index
        return row if known else _save(setup, replace(row, beacon_index=current.index, anchored=setup.now()))
    if row.beacon_index is not None:
        return row
    # A longer tree of ours is there, which this store has forgotten or another host has sent: it takes the row's place.
    with setup.storage.transaction() as rows:
        seal = rows.log.seal_at(current.size)
        if seal is None:
            raise BeaconRefused("the beacon has a tree of ours that was never sealed", got=current.size)
        rows.drop_anchor(row.size)
        adopted = replace(row, size=seal.size, note=seal.note, beacon_index=current.index, anchored=setup.now())
        rows.save_anchor(setup.keys.close_row(adopted))
    return adopted


def _finish(setup: Setup, row: AnchorRow, beacon: Beacon) -> None:
    if row.beacon_index is None:
        return
    proven = beacon.proof(row.beacon_index)
    if proven is None:
        return
    verify_crosslink(setup, row, proven)
    final = replace(row, entry=proven.entry, proof=proven.proof, finality=proven.finality, final=setup.now())
    with setup.storage.transaction() as rows:
        rows.save_anchor(setup.keys.close_row(final))
        prune_state(rows, row.size)
    logger.info("pool %s: %s entries are final", setup.name, row.size)


def verify_registration(setup: Setup, proven: ProvenEntry) -> None:
    """Nothing, where the entry registers this pool with its key and stands, finally, on the beacon."""
    with _claims():
        entry, key = parse_entry(proven.entry), setup.keys.signer.verifier_key
        if not isinstance(entry, PoolEntry) or (entry.name, entry.key) != (setup.name, key):
            raise BeaconRefused("the beacon registered another pool", expected="our name and key", got=entry.TYPE)
        _verify_on_beacon(setup, proven)


def verify_crosslink(setup: Setup, row: AnchorRow, proven: ProvenEntry) -> None:
    """Nothing, where the entry is the crosslink of the row's tree and stands, finally, where the row says."""
    with _claims():
        entry = parse_entry(proven.entry)
        if not isinstance(entry, CrosslinkEntry) or entry.pool != setup.name:
            raise BeaconRefused("the beacon proved another entry", expected="a crosslink of this pool", got=entry.TYPE)
        checkpoint, own = entry.checkpoint, LogCheckpoint.parse(Note.parse(row.note).text)
        if checkpoint != own or own.size != row.size:
            raise BeaconRefused("the beacon proved another crosslink", expected=own.size, got=checkpoint.size)
        verified_signatures(entry.note, [setup.keys.signer.verifier_key])
        setup.policy.verify_cosignatures(entry.note)
        index = _verify_on_beacon(setup, proven)
        if index != row.beacon_index:
            raise BeaconRefused("the beacon proved another place", expected=row.beacon_index, got=index)


def _verify_on_beacon(setup: Setup, proven: ProvenEntry) -> int:
    """The entry's index in the beacon's log, where its proof leads to a checkpoint that is shown to be final."""
    proof = TlogProof.parse(proven.proof)
    proof.verify(leaf_hash(proven.entry))
    sealed = SealedState.from_json(canonical.decode(proven.finality))
    verify_finality(setup.policy, Note.parse(proof.checkpoint), sealed)
    return proof.index


@contextmanager
def _claims() -> Iterator[None]:
    """Whatever in the beacon's answer is malformed or refuted, comes out as BeaconRefused."""
    try:
        yield
    except (Malformed, Invalid) as error:
        raise BeaconRefused(f"the beacon's answer does not hold ({error})") from error


def _save(setup: Setup, row: AnchorRow) -> AnchorRow:
    closed = setup.keys.close_row(row)
    with setup.storage.transaction() as rows:
        rows.save_anchor(closed)
    return closed
