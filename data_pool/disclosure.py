"""Disclosure: a bundle that shows chosen fields of a record to somebody, with proof and nothing else.

Everything it takes is in the pool once the record is final, so a bundle can be made while the beacon is away.
"""

from collections.abc import Collection
from hashlib import sha256
from uuid import UUID

from uuid_utils.compat import uuid7

from audit_chain.log.sealed_log import SealedLog
from audit_chain.proof.builder import LatestParts, record_bundle
from audit_chain.proof.verifier import verify
from audit_chain.records.status import record_name
from audit_chain.records.tree import commit
from audit_chain.statemap.map import StateMap
from data_pool.errors import DisclosureRefused
from data_pool.network import ProvenEntry
from data_pool.records import open_record
from data_pool.replacements import get_record
from data_pool.setup import Setup
from data_pool.storage.ports import Transaction
from data_pool.storage.rows import AnchorRow, DisclosureRow


def disclose(setup: Setup, record: UUID, names: Collection[str], *, recipient: str, by: str) -> bytes:
    """The bundle, kept in mind before it leaves: who got which fields, when, by whom.

    Raises DisclosureRefused where the record is not final yet or lacks a field, UnknownRecord where there is none.
    """
    wanted = sorted(set(names))
    with setup.storage.snapshot() as rows:
        bundle = _build(setup, rows, record, wanted)
    verdict = verify(bundle, setup.policy)
    if not verdict.verified:
        raise DisclosureRefused("the pool's own proof does not verify; run fsck", got=verdict.sentence)
    row = DisclosureRow(id=uuid7(), record=record, created=setup.now(), wrapped=b"")
    closed = setup.keys.close_members(row, bundle=sha256(bundle).hexdigest(), by=by, names=wanted, recipient=recipient)
    with setup.storage.transaction() as rows:
        rows.insert([closed])
    return bundle


def _build(setup: Setup, rows: Transaction, record: UUID, names: list[str]) -> bytes:
    row = get_record(rows, record)
    key, fields = open_record(setup.keys, row)
    missing = [name for name in names if name not in fields]
    if missing or not names:
        expected, got = "fields that the record has", ", ".join(missing) or "none"
        raise DisclosureRefused("these fields cannot be disclosed", expected=expected, got=got)
    anchor, registration = rows.anchor_covering(row.index, final=True), rows.registration()
    crosslink = _proven(anchor)
    if anchor is None or crosslink is None or registration is None:
        raise DisclosureRefused("the record is not final yet; ask again in a moment", expected="final", got="earlier")
    log = SealedLog(rows.log, setup.keys.signer)
    (entry,) = rows.log.read_entries(row.index, row.index + 1)
    return record_bundle(
        commitment=commit(fields, key),
        names=names,
        record_entry=entry,
        index=row.index,
        path=log.inclusion_proof(row.index, anchor.size),
        crosslink=crosslink,
        registration=ProvenEntry(registration.entry, registration.proof, registration.finality),
        latest=_latest(rows, log, record, anchor.size),
    )


def _latest(rows: Transaction, log: SealedLog, record: UUID, size: int) -> LatestParts:
    """What the newest final state says of the record, whose own crosslink is of the tree of that size."""
    newest = rows.anchored_size(final=True)
    state, name = StateMap(rows.state, version=newest), record_name(str(record))
    value = state.get(name)
    if value is None:
        raise DisclosureRefused("the pool's state lacks the record; run fsck", expected="its status", got="none")
    (seal,) = rows.log.read_entries(newest - 1, newest)
    return LatestParts(
        seal=seal,
        path=log.inclusion_proof(newest - 1, newest),
        value=value,
        proof=state.prove(name).render(),
        crosslink=None if newest == size else _proven(rows.anchor(newest)),
    )


def _proven(anchor: AnchorRow | None) -> ProvenEntry | None:
    """The anchor's crosslink with its proofs, once it is final."""
    if anchor is None or anchor.entry is None or anchor.proof is None or anchor.finality is None:
        return None
    return ProvenEntry(anchor.entry, anchor.proof, anchor.finality)
