"""Checks every stored row of a beacon against its log, and the log against what it signed.

    log_entry, log_tile, log_head, log_seal        the signed checkpoints (`data_pool.log_check`)
    state_version, state_page, state_value         each other, and the entries, replayed through the state transition
    beacon_block, beacon_epoch                     what the replayed state says
    beacon_finality                                the same, and the signatures that prove it
    beacon_cosignature                             the validators' keys, and the votes that are in the log
    beacon_dropped_entry, beacon_dropped_checkpoint    what was signed before a restart
    beacon_submission                              its own digest

Needs a connection to the beacon's database and the network file, but neither Django nor any private key.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from apps.beacon.participation import get_justified, get_participation
from apps.beacon.rotation import with_rotated_keys
from apps.network.network_file import NetworkFile
from audit_chain import canonical
from audit_chain.beacon.casper.containers import ZERO_ROOT
from audit_chain.beacon.entries import Attestation, Crosslink, Entry, Restart, parse_entry
from audit_chain.beacon.entries import Seal as SealEntry
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.beacon.state import State, get_log, get_validator_at, get_validators
from audit_chain.beacon.transition import process_latest_seal, process_parsed_entry
from audit_chain.errors import AuditChainError, InvalidSignature
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.cosignature import timestamp_of
from audit_chain.log.keys import COSIGN_ED25519, VerifierKey
from audit_chain.log.note import Note, Signature, verified_signatures
from audit_chain.log.store import Seal
from audit_chain.merkle.frontier import Frontier
from audit_chain.merkle.hashing import leaf_hash
from audit_chain.proof.finality import verify_finality
from audit_chain.statemap.check import check_state
from audit_chain.statemap.map import StateMap
from audit_chain.statemap.store import MemoryStateStore, prune
from data_pool.findings import Findings, Report, TooManyProblems
from data_pool.log_check import check_log
from data_pool.storage.postgres_log import PostgresLogStore
from data_pool.storage.postgres_state import PostgresStateStore

READ_SEALS = 1_000
PRUNE_EVERY = 64  # blocks of the replay


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
        self._states = PostgresStateStore(connection)
        self._replay = _Replay(network.genesis_entries(), findings, self._first_checkpoint)

    def run(self) -> None:
        key, *earlier = self._network.beacon_keys
        check_log(self._store, key, self._findings, self._replay.visit, earlier=earlier)
        self._check_origins()
        self._check_versions()
        check_state(self._states, self._findings)
        if not self._replay.broken:
            self._network = with_rotated_keys(self._network, self._replay.state)
        notes = self._cosigned_notes()
        finalized = self._check_finality(notes)
        self._check_blocks(finalized)
        self._check_epochs(finalized)
        self._check_dropped()
        self._check_submissions()

    def _first_checkpoint(self, index: int) -> int | None:
        seal = self._store.seal_covering(index)
        return seal.size if seal else None

    def _check_origins(self) -> None:
        """That each checkpoint has the origin and key that the log went on under at that time."""
        if self._replay.broken:
            return  # What follows from a broken log says nothing about the rows.
        for seal in self._seals():
            expected = self._replay.origins.get(seal.size)
            got = seal.note.decode(errors="replace").partition("\n")[0]
            if got != expected:
                where = f"log_seal {seal.size}"
                self._findings.add(where, "its origin is another", expected=expected, got=got, checkpoint=seal.size)

    def _check_versions(self) -> None:
        """That the states which are kept are those that the seals commit to, and none of them is missing."""
        if self._replay.broken:
            return
        kept = {version.version: version.root for version in self._states.versions()}
        oldest = min(kept, default=0)
        expected = {size: root for size, root in self._replay.roots.items() if size >= oldest}
        for size in sorted(kept.keys() | expected.keys()):
            if kept.get(size) != expected.get(size):
                what = "is not the state that the log leads to" if size in kept else "is missing"
                self._findings.add(f"state_version {size}", what, checkpoint=size if size in expected else None)

    def _cosigned_notes(self) -> dict[int, Note]:
        """By size, the checkpoint with those stored cosignatures that hold."""
        keys = self._cosigners()
        query = "SELECT size, validator, kind, line, signed_at FROM beacon_cosignature ORDER BY size, validator, kind"
        notes: dict[int, Note] = {}
        seen: set[tuple[int, str, bytes]] = set()
        named: set[str] = set()
        for size, validator, kind, line, signed_at in self._rows(query):
            self._findings.count("beacon_cosignature")
            where = f"beacon_cosignature {size} {validator} {kind}"
            try:
                note = notes.get(size) or self._sealed_note(size)
                signature = Signature.parse(line)
                key = keys[validator, signature.key_id]
                key.verify(note.text, signature.blob)
                if (signature.name, kind, signed_at) != (key.name, key.kind, timestamp_of(signature)):
                    self._findings.add(where, "its columns are not those of its line", checkpoint=size)
                    named.add(where)
                notes[size] = note.with_signatures(signature)
                if key.kind == COSIGN_ED25519:
                    seen.add((size, validator, signature.blob))
            except KeyError:
                self._findings.add(where, "is by nobody of this network", checkpoint=size)
            except AuditChainError as problem:
                self._findings.add(where, f"does not hold ({problem})", checkpoint=size)
                named.add(where)
        for size, validator, _ in sorted(self._replay.votes - seen):
            where = f"beacon_cosignature {size} {validator} {COSIGN_ED25519}"
            if where not in named:
                self._findings.add(where, "is not the vote that the log has", checkpoint=size)
        return notes

    def _cosigners(self) -> dict[tuple[str, bytes], VerifierKey]:
        """By a validator's or witness's name and a key's id, the key."""
        found = {(f"witness/{node.name}", node.key.key_id): node.key for node in self._network.witnesses}
        if self._replay.broken:
            found |= {(node.name, key.key_id): key for node in self._network.validators for key in node.all_keys}
        else:
            for validator in get_validators(self._replay.state):
                found |= {(validator.name, key.key_id): key for keys in validator.key_sets for key in keys.keys}
        return found

    def _sealed_note(self, size: int) -> Note:
        seal = self._store.seal_at(size)
        if seal is None:
            raise AuditChainError("no seal of that size")
        return Note.parse(seal.note)

    def _check_finality(self, notes: Mapping[int, Note]) -> dict[int, int]:
        """By size of its boundary, each epoch that is finalized: by the log, or by what was signed before a restart."""
        stored = {
            size: (epoch, proof)
            for size, epoch, proof in self._rows("SELECT size, epoch, proof FROM beacon_finality ORDER BY size")
        }
        self._findings.count("beacon_finality", len(stored))
        finalized = dict(self._replay.finalized)
        for size, (epoch, proof) in stored.items():
            problem = self._finality_problem(size, epoch, proof, notes)
            if problem:
                self._findings.add(f"beacon_finality {size}", problem, checkpoint=size)
            elif size <= self._replay.restarted_at and proof:
                finalized[size] = epoch
        if self._replay.broken:
            return finalized
        for size in sorted(finalized.keys() | stored.keys()):
            if finalized.get(size) != stored.get(size, (None, ""))[0]:
                what = "is not what the log finalized" if size in stored else "is missing"
                self._findings.add(f"beacon_finality {size}", what, checkpoint=size if size in finalized else None)
        return finalized

    def _finality_problem(self, size: int, epoch: int, proof: str, notes: Mapping[int, Note]) -> str | None:
        policy = self._network.policy()
        try:
            note = notes.get(size) or self._sealed_note(size)
            policy.verify_cosignatures(note)
            if not proof:
                return None
            sealed = SealedState.from_json(canonical.decode(proof.encode()))
            self._verify_every_line(sealed.note)
            if verify_finality(policy, note, sealed).epoch != epoch:
                return "its proof is of another epoch"
        except AuditChainError as problem:
            return f"its proof does not hold ({problem})"
        return None

    def _verify_every_line(self, note: Note) -> None:
        """A quorum needs not all lines; a stored note has none that does not hold."""
        keys = {(key.name, key.key_id): key for key in [*self._cosigners().values(), *self._network.beacon_keys]}
        for line in note.signatures:
            key = keys.get((line.name, line.key_id))
            if key is None:
                raise InvalidSignature("a line by nobody of this network")
            key.verify(note.text, line.blob)

    def _check_blocks(self, finalized: Mapping[int, int]) -> None:
        final_size = max(finalized, default=0)
        query = "SELECT number, first, size, entries, crosslinks, decisive, final FROM beacon_block ORDER BY number"
        derived = {
            slot: (*block.columns, block.size in finalized, block.size <= final_size)
            for slot, block in self._replay.blocks.items()
        }
        sizes = {slot: block.size for slot, block in self._replay.blocks.items()}
        self._compare("beacon_block", query, derived, sizes)

    def _check_epochs(self, finalized: Mapping[int, int]) -> None:
        latest = max(finalized.values(), default=-1)
        query = "SELECT number, size, voted, total, voters, justified, finalized FROM beacon_epoch ORDER BY number"
        derived = {number: (*epoch.columns, number <= latest) for number, epoch in self._replay.epochs.items()}
        sizes = {number: epoch.size for number, epoch in self._replay.epochs.items()}
        self._compare("beacon_epoch", query, derived, sizes)

    def _compare(
        self, table: str, query: str, derived: Mapping[int, tuple[object, ...]], sizes: Mapping[int, int]
    ) -> None:
        stored = {number: tuple(columns) for number, *columns in self._rows(query)}
        self._findings.count(table, len(stored))
        if self._replay.broken:
            return
        for number in sorted(derived.keys() | stored.keys()):
            if derived.get(number) != stored.get(number):
                self._findings.add(
                    f"{table} {number}",
                    "is not what the log says",
                    expected=_shown(derived.get(number)),
                    got=_shown(stored.get(number)),
                    checkpoint=sizes.get(number),
                )

    def _check_dropped(self) -> None:
        """That what a restart dropped is what had been signed."""
        entries = self._by_origin("SELECT origin, index, entry FROM beacon_dropped_entry ORDER BY origin, index")
        notes = self._by_origin("SELECT origin, size, note FROM beacon_dropped_checkpoint ORDER BY origin, size")
        self._findings.count("beacon_dropped_entry", sum(map(len, entries.values())))
        self._findings.count("beacon_dropped_checkpoint", sum(map(len, notes.values())))
        for origin in sorted(entries.keys() | notes.keys()):
            tree = self._replay.trees.get(origin)
            if tree is None:
                if not self._replay.broken:
                    self._findings.add(f"beacon_dropped_entry {origin}", "no log of that origin was restarted")
                continue
            self._check_dropped_of(origin, tree, entries.get(origin, {}), notes.get(origin, {}))

    def _check_dropped_of(
        self, origin: str, tree: Frontier, entries: Mapping[int, bytes], notes: Mapping[int, bytes]
    ) -> None:
        keys = {key.name: key for key in self._network.beacon_keys}
        roots = {}
        for index in range(tree.size, tree.size + len(entries)):
            if index not in entries:
                self._findings.add(f"beacon_dropped_entry {origin} {index}", "is missing")
                return
            tree.append(leaf_hash(entries[index]))
            roots[index + 1] = tree.root()
        if max(notes, default=0) != max(roots, default=0):
            self._findings.add(f"beacon_dropped_entry {origin}", "is not what the last dropped checkpoint covers")
        for size, data in notes.items():
            try:
                note = Note.parse(data)
                verified_signatures(note, [keys[origin]])
                self._verify_every_line(note)
                holds = LogCheckpoint.parse(note.text) == LogCheckpoint(origin, size, roots[size])
                holds = holds and note.render() == data
            except (AuditChainError, KeyError):
                holds = False
            if not holds:
                self._findings.add(f"beacon_dropped_checkpoint {origin} {size}", "is not over the dropped entries")

    def _by_origin(self, query: str) -> dict[str, dict[int, bytes]]:
        found: dict[str, dict[int, bytes]] = {}
        for origin, number, data in self._rows(query):
            found.setdefault(origin, {})[number] = bytes(data)
        return found

    def _check_submissions(self) -> None:
        for number, entry, digest in self._rows("SELECT id, entry, digest FROM beacon_submission ORDER BY id"):
            self._findings.count("beacon_submission")
            if sha256(entry).digest() != bytes(digest):
                self._findings.add(f"beacon_submission {number}", "its digest is another entry's")

    def _seals(self) -> Iterator[Seal]:
        after = 0
        while page := self._store.seals(after, READ_SEALS):
            yield from page
            after = page[-1].size

    def _rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        with psycopg.Cursor(self._connection, row_factory=tuple_row) as cursor:
            yield from cursor.execute(query)


@dataclass(slots=True)
class _Block:
    first: int
    size: int
    entries: int
    crosslinks: int

    @property
    def columns(self) -> tuple[int, int, int, int]:
        return self.first, self.size, self.entries, self.crosslinks


@dataclass(slots=True)
class _Epoch:
    size: int
    voted: int = 0
    total: int = 0
    voters: bytes = b""
    justified: bool = False

    @property
    def columns(self) -> tuple[int, int, int, bytes, bool]:
        return self.size, self.voted, self.total, self.voters, self.justified


@dataclass(slots=True)
class _Replay:
    """What follows from the entries; ends at the first entry that does not hold."""

    genesis: list[bytes]
    findings: Findings
    first_checkpoint: Callable[[int], int | None]
    broken: bool = False
    blocks: dict[int, _Block] = field(default_factory=dict)
    epochs: dict[int, _Epoch] = field(default_factory=dict)
    roots: dict[int, bytes] = field(default_factory=dict)
    origins: dict[int, str] = field(default_factory=dict)
    finalized: dict[int, int] = field(default_factory=dict)
    votes: set[tuple[int, str, bytes]] = field(default_factory=set)
    trees: dict[str, Frontier] = field(default_factory=dict)
    """By origin, the tree that a restart left of its log."""
    restarted_at: int = 0
    state: State = field(init=False)
    _states: MemoryStateStore = field(default_factory=MemoryStateStore)
    _block: list[Entry] = field(default_factory=list)
    _block_start: int = 0
    _next: int = 0

    def __post_init__(self) -> None:
        self.state = State(StateMap(self._states))

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
        if index < len(self.genesis) and entry != self.genesis[index]:
            self._break(index, "is not the genesis that the network file describes")
            return
        parsed = parse_entry(entry)
        if isinstance(parsed, SealEntry):
            self._note_votes()
        elif isinstance(parsed, Restart):
            process_latest_seal(self.state)
            tree = self.state.tree
            self.trees[get_log(self.state).origin] = Frontier(tree.size, list(tree.hashes))
            self.restarted_at = index
        process_parsed_entry(self.state, parsed, entry, index)
        self._next = index + 1
        if isinstance(parsed, SealEntry):
            self._end_block(parsed, index)
        else:
            self._block.append(parsed)

    def _note_votes(self) -> None:
        attestations = [entry for entry in self._block if isinstance(entry, Attestation)]
        for attestation in attestations:
            for vote in attestation.votes:
                name = get_validator_at(self.state, vote.validator).name
                self.votes.add((attestation.size, name, vote.blob))
        for number in {attestation.epoch for attestation in attestations}:
            participation = get_participation(self.state.casper, number)
            epoch = self.epochs[number]
            epoch.voted, epoch.total, epoch.voters = participation.voted, participation.total, participation.voters

    def _end_block(self, seal: SealEntry, index: int) -> None:
        state, size = self.state, index + 1
        casper = state.casper
        self.roots[size] = seal.state
        self.origins[size] = get_log(state).origin
        counted = [entry for entry in self._block if not isinstance(entry, Attestation)]
        crosslinks = sum(isinstance(entry, Crosslink) for entry in counted)
        self.blocks[seal.slot] = _Block(self._block_start, size, len(counted), crosslinks)
        number, place = divmod(seal.slot, casper.preset.slots_per_epoch)
        if place == 0:
            self.epochs[number] = _Epoch(size, total=get_participation(casper, number).total)
        if place == casper.preset.slots_per_epoch - 1:
            for justified in get_justified(casper, number):
                self.epochs[justified].justified = True
            checkpoint = casper.finalized_checkpoint
            if checkpoint.root != ZERO_ROOT:
                self.finalized[self.epochs[checkpoint.epoch].size] = checkpoint.epoch
        state.commit(size)
        if seal.slot % PRUNE_EVERY == 0:
            prune(self._states, size)
        self._block, self._block_start = [], size

    def _break(self, index: int, what: str) -> None:
        self.broken = True
        self.findings.add(f"log_entry {index}", what, checkpoint=self.first_checkpoint(index))


def _shown(columns: tuple[object, ...] | None) -> str:
    if columns is None:
        return "no row"
    return " ".join(column.hex() if isinstance(column, bytes) else str(column) for column in columns)
