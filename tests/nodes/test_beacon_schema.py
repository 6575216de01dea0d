"""The beacon's schema admits hashes, numbers, keys, signatures, times and names, and nothing that a person writes."""

import os
import random
from collections.abc import Callable, Iterator

import psycopg
import pytest

from apps.network.beacon_client import BeaconClient
from apps.network.committee import Committee
from audit_chain import canonical
from audit_chain.beacon.entries import parse_entry
from audit_chain.beacon.names import is_name
from audit_chain.canonical import JSON
from audit_chain.encoding import from_base64, from_hex, from_time
from audit_chain.errors import AuditChainError
from audit_chain.log.keys import VerifierKey
from audit_chain.log.note import Note, Signature
from audit_chain.statemap.proof import StateProof
from tests.nodes.cast import Member, Pool, fresh_name
from tests.nodes.processes import NETWORK, Processes, eventually

pytestmark = pytest.mark.xdist_group("schema")

# What each column holds: numbers and flags, bytes that something else is held against, and these texts.
COLUMNS = {
    "beacon_block": "number first size entries crosslinks decisive final",
    "beacon_epoch": "number size voted total voters justified finalized",
    "beacon_finality": "size epoch proof",
    "beacon_cosignature": "size validator kind line signed_at",
    "beacon_submission": "id entry digest arrived",
    "beacon_dropped_entry": "origin index entry",
    "beacon_dropped_checkpoint": "origin size note",
    "log_entry": "index data",
    "log_tile": "level index data",
    "log_head": "singleton next_index tree_size root",
    "log_seal": "size root time note",
    "state_version": "version root size",
    "state_page": "path version data",
    "state_value": "section name version data",
}
TEXTS = {
    "beacon_finality.proof",  # a sealed state
    "beacon_cosignature.validator",
    "beacon_cosignature.line",
    "beacon_dropped_entry.origin",
    "beacon_dropped_checkpoint.origin",
    "log_seal.time",
    "state_page.path",
    "state_value.section",
    "state_value.name",
}
NOT_THE_BEACONS = ("django_", "monitor_")


def test_every_column_is_known(nodes: Processes, beacon_database: str) -> None:
    with psycopg.connect(beacon_database) as connection:
        rows = connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
        ).fetchall()
    own = [(table, column, kind) for table, column, kind in rows if not table.startswith(NOT_THE_BEACONS)]
    assert {(table, column) for table, column, _ in own} == {
        (table, column) for table, columns in COLUMNS.items() for column in columns.split()
    }
    assert {f"{table}.{column}" for table, column, kind in own if kind == "text"} == TEXTS
    assert {kind for _, _, kind in own} == {
        "bigint",
        "boolean",
        "bytea",
        "integer",
        "smallint",
        "text",
        "timestamp with time zone",
    }


def test_every_text_is_machines(entries: list[bytes], beacon_database: str) -> None:
    with psycopg.connect(beacon_database) as connection:
        for place in sorted(TEXTS - {"beacon_cosignature.line", "state_value.name"}):
            table, column = place.split(".")
            for (text,) in connection.execute(f"SELECT {column} FROM {table}"):
                assert not text or is_machine_text(text), (place, text)
        for (line,) in connection.execute("SELECT line FROM beacon_cosignature"):
            assert Signature.parse(line).line() == line


def texts_of(value: JSON) -> Iterator[str]:
    """Every text in a JSON value, names of members included."""
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from texts_of(item)
        case dict():
            for name, item in value.items():
                yield name
                yield from texts_of(item)


def is_machine_text(text: str) -> bool:
    """Whether a text is a name, a key, a time, bytes in base64 or hex, or a note or JSON of nothing else."""
    return any(reads(text) for reads in (_is_word, _is_key, _is_time, _is_bytes, _is_note, _is_proof, _is_json))


def _reads(parse: Callable[[], object]) -> bool:
    try:
        parse()
    except (AuditChainError, ValueError):
        return False
    return True


def _is_word(text: str) -> bool:
    """A name, a type of entry, a member of JSON, or such words joined by slashes: an origin, a name of the state."""
    return all(is_name(part.replace("_", "-").replace(".", "-")) or _is_hex(part) for part in text.split("/"))


def _is_hex(text: str) -> bool:
    return _reads(lambda: from_hex(text))


def _is_key(text: str) -> bool:
    return _reads(lambda: VerifierKey.parse(text))


def _is_time(text: str) -> bool:
    return _reads(lambda: from_time(text))


def _is_bytes(text: str) -> bool:
    return _reads(lambda: from_base64(text))


def _is_note(text: str) -> bool:
    if not _reads(lambda: Note.parse(text.encode())):
        return False
    return all(is_machine_text(line) for line in Note.parse(text.encode()).text.splitlines())


def _is_proof(text: str) -> bool:
    return _reads(lambda: StateProof.parse(text.encode()))


def _is_json(text: str) -> bool:
    if not text.startswith(("{", "[")) or not _reads(lambda: canonical.decode(text.encode())):
        return False
    return all(map(is_machine_text, texts_of(canonical.decode(text.encode()))))


@pytest.fixture(scope="module")
def entries(nodes: Processes, beacon: BeaconClient, beacon_database: str) -> list[bytes]:
    """All entries of a log in which something of every common kind stands."""
    member = Member(fresh_name("member")).register(beacon)
    pool = Pool(fresh_name("pool")).register(beacon, member)
    pool.crosslink(beacon, Committee.of(nodes.network))
    beacon.submit_evidence(member.deposit(os.urandom(32)))
    eventually(lambda: beacon.validators().waiting == 0)
    with psycopg.connect(beacon_database) as connection:
        return [bytes(data) for (data,) in connection.execute("SELECT data FROM log_entry ORDER BY index")]


def test_no_entry_holds_free_text(entries: list[bytes]) -> None:
    kinds = {parse_entry(entry).TYPE for entry in entries}
    assert kinds >= {"genesis", "validator", "member", "pool", "crosslink", "evidence", "attestation", "seal"}
    for entry in entries:
        for text in texts_of(canonical.decode(entry)):
            assert is_machine_text(text), text


def test_no_value_of_the_state_holds_free_text(entries: list[bytes], beacon_database: str) -> None:
    with psycopg.connect(beacon_database) as connection:
        values = connection.execute("SELECT name, data FROM state_value WHERE data IS NOT NULL").fetchall()
    assert values
    for name, data in values:
        assert _is_word(name), name
        for text in texts_of(canonical.decode(bytes(data))):
            assert is_machine_text(text), (name, text)


@pytest.mark.parametrize(
    "text", ["Northwind Parts GmbH", "invoice 2026-0173", "see the attached", '{"note":"paid in full"}']
)
def test_free_text_would_be_noticed(text: str) -> None:
    assert not is_machine_text(text)


def test_an_entry_with_a_member_or_a_word_more_is_none(entries: list[bytes]) -> None:
    draw = random.Random(7)
    by_type = {parse_entry(entry).TYPE: entry for entry in entries}
    for entry in by_type.values():
        value = canonical.decode(entry)
        assert isinstance(value, dict)
        with pytest.raises(AuditChainError):
            parse_entry(canonical.encode({**value, "remark": "see the attached"}))
        member = draw.choice(sorted(name for name, content in value.items() if isinstance(content, str)))
        with pytest.raises(AuditChainError):
            parse_entry(canonical.encode({**value, member: "see the attached"}))


def test_the_log_serves_one_network(entries: list[bytes]) -> None:
    assert NETWORK.encode() in entries[0]
