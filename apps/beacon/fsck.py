"""Checks every stored row of a beacon against its log, and the log against what it signed.

    log_entry, log_tile, log_head, log_seal   the signed checkpoints (`data_pool.log_check`)
    beacon_state                              the entries, replayed through the state transition
    beacon_block                              the seals among the entries, and the cosignatures for what is final
    beacon_cosignature                        the validators' keys
    beacon_submission                         its own digest

Needs a connection to the beacon's database and the network file, but neither Django nor any private key.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from apps.network.network_file import NetworkFile
from audit_chain import canonical
from audit_chain.beacon.entries import Seal as SealEntry
from audit_chain.beacon.entries import parse_entry
from audit_chain.beacon.transition import process_parsed_entry
from audit_chain.canonical import JSON
from audit_chain.errors import AuditChainError, QuorumNotReached
from audit_chain.log.cosignature import timestamp_of
from audit_chain.log.note import Note, Signature
from data_pool.findings import Findings, Report, TooManyProblems
from data_pool.log_check import check_log
from data_pool.storage.postgres_log import PostgresLogStore


def check_beacon(connection: psycopg.Connection[Any], network: NetworkFile) -> Report:
    """The report on one moment of the beacon's rows. The connection must not be in a transaction."""
    findings = Findings()
    try:
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            _Check(connection, network, findings).run()
    except TooManyProblems:
        return Report(findings.counts, findings.problems, complete=False)
    return Report(findings.counts, findings.problems)


class _Check:
    def __init__(self, connection: psycopg.Connection[Any], network: NetworkFile, findings: Findings) -> None:
        self._connection = connection
        self._network = network
        self._findings = findings
        self._store = PostgresLogStore(connection)
        self._replay = _Replay(network.genesis_entry(), findings, self._first_checkpoint)

    def run(self) -> None:
        check_log(self._store, self._network.beacon.key, self._findings, self._replay.visit)
        self._check_state()
        self._check_blocks(self._with_quorum(self._cosigned_notes()))
        self._check_submissions()

    def _first_checkpoint(self, index: int) -> int | None:
        seal = self._store.seal_covering(index)
        return seal.size if seal else None

    def _check_state(self) -> None:
        stored = {key: bytes(value) for key, value in self._rows("SELECT key, value FROM beacon_state")}
        self._findings.count("beacon_state", len(stored))
        if self._replay.broken:
            return  # What follows from a broken log says nothing about the rows.
        derived = {key: canonical.encode(value) for key, value in self._replay.state.items()}
        for key in sorted(derived.keys() | stored.keys()):
            if derived.get(key) != stored.get(key):
                what = "is missing" if key not in stored else "is not what the log says"
                self._findings.add(f"beacon_state {key}", what if key in derived else "follows from no entry")

    def _cosigned_notes(self) -> dict[int, Note]:
        """By size, the checkpoint with those stored cosignatures that hold."""
        keys = {(node.name, key.kind): key for node in self._network.validators for key in node.keys}
        query = "SELECT size, validator, kind, line, signed_at FROM beacon_cosignature ORDER BY size, validator, kind"
        notes: dict[int, Note] = {}
        for size, validator, kind, line, signed_at in self._rows(query):
            self._findings.count("beacon_cosignature")
            where = f"beacon_cosignature {size} {validator} {kind}"
            try:
                note = notes.get(size) or self._sealed_note(size)
                key = keys[validator, kind]
                signature = Signature.parse(line)
                key.verify(note.text, signature.blob)
                holds = (signature.name, signature.key_id) == (key.name, key.key_id)
                if not holds or timestamp_of(signature) != signed_at:
                    self._findings.add(where, "its columns are not those of its line", checkpoint=size)
                elif holds:
                    notes[size] = note.with_signatures(signature)
            except KeyError:
                self._findings.add(where, "is by nobody of this network", checkpoint=size)
            except AuditChainError as problem:
                self._findings.add(where, f"does not hold ({problem})", checkpoint=size)
        return notes

    def _sealed_note(self, size: int) -> Note:
        seal = self._store.seal_at(size)
        if seal is None:
            raise AuditChainError("no seal of that size")
        return Note.parse(seal.note)

    def _with_quorum(self, notes: Mapping[int, Note]) -> set[int]:
        """The sizes at which a quorum signed."""
        policy, sizes = self._network.policy(), set()
        for size, note in notes.items():
            with suppress(QuorumNotReached):
                policy.verify_cosignatures(note)
                sizes.add(size)
        return sizes

    def _check_blocks(self, decisive: set[int]) -> None:
        query = "SELECT number, first, size, decisive, final FROM beacon_block ORDER BY number"
        stored = {number: tuple(columns) for number, *columns in self._rows(query)}
        self._findings.count("beacon_block", len(stored))
        if self._replay.broken:
            return
        final_size = max(decisive, default=0)
        derived = {
            slot: (first, size, size in decisive, size <= final_size)
            for slot, (first, size) in self._replay.blocks.items()
        }
        for number in sorted(derived.keys() | stored.keys()):
            if derived.get(number) != stored.get(number):
                self._findings.add(
                    f"beacon_block {number}",
                    "is not what seals and cosignatures say (first, size, decisive, final)",
                    expected=derived.get(number, "no block"),
                    got=stored.get(number, "no block"),
                    checkpoint=derived.get(number, (None, None))[1],
                )

    def _check_submissions(self) -> None:
        for number, entry, digest in self._rows("SELECT id, entry, digest FROM beacon_submission ORDER BY id"):
            self._findings.count("beacon_submission")
            if sha256(entry).digest() != bytes(digest):
                self._findings.add(f"beacon_submission {number}", "its digest is another entry's")

    def _rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        with psycopg.Cursor(self._connection, row_factory=tuple_row) as cursor:
            yield from cursor.execute(query)


class _Replay:
    """The state and the blocks that follow from the entries; ends at the first entry that does not hold."""

    def __init__(self, genesis: bytes, findings: Findings, first_checkpoint: Callable[[int], int | None]) -> None:
        self.state: dict[str, JSON] = {}
        self.blocks: dict[int, tuple[int, int]] = {}
        self.broken = False
        self._genesis = genesis
        self._findings = findings
        self._first_checkpoint = first_checkpoint
        self._block_start = 0
        self._next = 0

    def visit(self, index: int, entry: bytes) -> None:
        if self.broken:
            return
        try:
            self._take(index, entry)
        except AuditChainError as problem:
            self._break(index, f"cannot follow the entries before it ({type(problem).__name__})")

    def _take(self, index: int, entry: bytes) -> None:
        if index != self._next:
            self.broken = True  # The gap before it has been named.
            return
        if index == 0 and entry != self._genesis:
            self._break(index, "is not the genesis that the network file describes")
            return
        parsed = parse_entry(entry)
        process_parsed_entry(self.state, parsed, index)
        self._next = index + 1
        if isinstance(parsed, SealEntry):
            self.blocks[parsed.slot] = (self._block_start, index + 1)
            self._block_start = index + 1

    def _break(self, index: int, what: str) -> None:
        self.broken = True
        self._findings.add(f"log_entry {index}", what, checkpoint=self._first_checkpoint(index))
