"""The state map beside the log: whether a record is the latest version, as a bundle shows it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from audit_chain.errors import CorruptLog, MalformedEntry, UnknownVersion
from audit_chain.log.sealed_log import SealedLog
from audit_chain.proof.bundle import RecordBundle, parse_bundle
from audit_chain.proof.verdict import RecordFinding
from audit_chain.proof.verifier import verify
from audit_chain.records.entry import RecordEntry, SealEntry, parse_entry
from audit_chain.records.status import RecordStatus, record_name
from audit_chain.statemap.map import StateMap
from audit_chain.statemap.store import MemoryStateStore
from data_pool.pool import Pool
from data_pool.state import process_entry
from tests.pool.cast import STAFF, ExampleBeacon, ExampleWitnesses, finish, invoice, record_of

TIME = "2026-11-22T15:40:00Z"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "spec" / "pool-log.md"


def status_of(pool: Pool, record: Any, *, size: int | None = None) -> RecordStatus | None:
    """What the state says of the record, at the latest seal or at that of that size."""
    with pool.setup.storage.snapshot() as rows:
        value = StateMap(rows.state, version=size).get(record_name(str(record)))
    return None if value is None else RecordStatus.parse(value)


def shown(pool: Pool, record: Any) -> Any:
    """What a new bundle shows of the record's standing."""
    verdict = verify(pool.disclose(record, ["number"], recipient="meridian-bank", by=STAFF), pool.setup.policy)
    assert isinstance(verdict.finding, RecordFinding)
    return verdict.finding.standing


def test_a_sealed_record_is_the_latest_version_until_another_one_replaces_it(pool: Pool) -> None:
    older = record_of(pool, invoice())
    assert status_of(pool, older) is None
    pool.seal()
    assert status_of(pool, older) == RecordStatus(0)

    newer = record_of(pool, invoice(payable_amount=1), replaces=older)
    pool.seal()

    assert status_of(pool, older) == RecordStatus(0, replaced_by=2)
    assert status_of(pool, newer) == RecordStatus(2)
    assert status_of(pool, older, size=2) == RecordStatus(0)


def test_versions_of_one_batch_and_declared_ones_are_in_the_state_too(pool: Pool) -> None:
    newer, older = record_of(pool, invoice()), record_of(pool, invoice(currency="USD"))
    newest = record_of(pool, invoice(payable_amount=1), replaces=newer)
    pool.declare_replacement(newer, replaces=older, by=STAFF)

    pool.seal()

    statuses = [status_of(pool, record) for record in (older, newer, newest)]
    assert statuses == [RecordStatus(1, replaced_by=0), RecordStatus(0, replaced_by=2), RecordStatus(2)]


def test_every_seal_holds_the_root_of_its_state(pool: Pool) -> None:
    for number in range(3):
        record_of(pool, invoice(f"NP-{number}"))
        pool.seal()

    with pool.setup.storage.snapshot() as rows:
        for seal in rows.log.seals(0, 10):
            (entry,) = rows.log.read_entries(seal.size - 1, seal.size)
            assert SealEntry.parse(entry).state == StateMap(rows.state, version=seal.size).root()


def test_a_bundle_says_that_the_record_is_the_latest_version_or_is_not(
    pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon
) -> None:
    older = record_of(pool, invoice())
    finish(pool, witnesses, beacon)
    assert shown(pool, older).current

    newer = record_of(pool, invoice(payable_amount=1), replaces=older)
    pool.seal()
    assert shown(pool, older).current  # Nothing final says otherwise yet.
    finish(pool, witnesses, beacon)

    assert not shown(pool, older).current
    assert shown(pool, newer).current


def test_a_bundle_shows_an_old_record_since_its_own_crosslink_and_standing_as_of_the_newest(
    pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon
) -> None:
    record = record_of(pool, invoice("NP-1"))
    finish(pool, witnesses, beacon)
    first = pool.disclose(record, ["number"], recipient="meridian-bank", by=STAFF)
    record_of(pool, invoice("NP-2"))
    finish(pool, witnesses, beacon)
    second = pool.disclose(record, ["number"], recipient="meridian-bank", by=STAFF)

    one, other = parse_bundle(first), parse_bundle(second)
    assert isinstance(one, RecordBundle)
    assert isinstance(other, RecordBundle)
    assert one.crosslink == other.crosslink
    assert one.latest is not None
    assert other.latest is not None
    assert one.latest.crosslink is None
    assert other.latest.crosslink is not None
    assert other.latest.crosslink.entry.checkpoint.size == 4


def test_what_the_state_was_before_the_newest_final_tree_is_forgotten(
    pool: Pool, witnesses: ExampleWitnesses, beacon: ExampleBeacon
) -> None:
    record = record_of(pool, invoice("NP-0"))
    finish(pool, witnesses, beacon)
    for number in range(1, 4):
        record_of(pool, invoice(f"NP-{number}"))
        pool.seal()
    assert status_of(pool, record, size=2) == RecordStatus(0)

    finish(pool, witnesses, beacon)

    with pool.setup.storage.snapshot() as rows:
        assert [version.version for version in rows.state.versions()] == [8]
    with pytest.raises(UnknownVersion):
        status_of(pool, record, size=2)
    assert shown(pool, record).current
    assert pool.fsck().problems == []


def test_a_log_with_an_entry_of_another_kind_is_not_sealed(pool: Pool) -> None:
    record_of(pool, invoice())
    with pool.setup.storage.transaction() as rows:
        SealedLog(rows.log, pool.setup.keys.signer).append([b'{"type":"note","v":1}'])

    with pytest.raises(CorruptLog, match="entry 1 of the log"):
        pool.seal()

    assert pool.status().reach.sealed == 0


def test_a_seal_that_names_another_state_than_its_entries_give_is_found(pool: Pool) -> None:
    record_of(pool, invoice())
    forged = bytes(32)
    with pool.setup.storage.transaction() as rows:
        log = SealedLog(rows.log, pool.setup.keys.signer)
        log.seal(TIME, make_entry=lambda previous, _: SealEntry(previous, forged, TIME).encode())

    problems = pool.fsck().problems

    assert [problem.where for problem in problems if "another state" in problem.what] == ["log_entry 1"]


@pytest.mark.parametrize(
    "entry",
    [
        SealEntry(None, bytes(32), TIME),
        SealEntry(7, bytes(range(32)), TIME),
        RecordEntry("019aac2c-1000-7000-8000-000000000001", bytes(32), 24),
    ],
)
def test_entries_are_read_as_they_were_written(entry: Any) -> None:
    assert parse_entry(entry.encode()) == entry


@pytest.mark.parametrize(
    "spoil",
    [
        lambda entry: entry.replace(b'"state"', b'"stats"'),
        lambda entry: entry.replace(b'"AAAA', b'"AAA'),
        lambda entry: entry.replace(b"15:40:00Z", b"15:40:61Z"),
        lambda entry: entry.replace(b'"previous":null', b'"previous":-1'),
        lambda entry: entry.replace(b'"v":1', b'"v":2'),
        lambda entry: entry + b" ",
    ],
)
def test_a_seal_of_another_shape_is_none(spoil: Any) -> None:
    entry = spoil(SealEntry(None, bytes(32), TIME).encode())

    with pytest.raises(MalformedEntry):
        SealEntry.parse(entry)
    with pytest.raises(MalformedEntry):
        parse_entry(entry)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{}",
        b"null",
        b'{"index":0,"replaced_by":null,"void":0}',
        b'{"index":0,"replaced_by":false,"void":false}',
        b'{"index":null,"replaced_by":null,"void":false}',
        b'{"index":0,"replaced_by":null,"void":false} ',
    ],
)
def test_a_status_of_another_shape_is_none(value: bytes) -> None:
    with pytest.raises(MalformedEntry):
        RecordStatus.parse(value)


def test_the_page_on_the_pools_log_shows_entries_and_their_state() -> None:
    entries, values = re.findall(r"^```\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    log = [parse_entry(line.encode()) for line in entries.splitlines()]
    state = StateMap(MemoryStateStore())
    for index, entry in enumerate(log):
        process_entry(state.put, index, entry, lambda earlier: str(json.loads(log[earlier].encode())["record"]))

    assert {name: value.decode() for name, value in state.get_many(state.names("record/")).items()} == dict(
        line.split("  ") for line in values.splitlines()
    )
    seal = log[-1]
    assert isinstance(seal, SealEntry)
    assert seal.state == state.root()
