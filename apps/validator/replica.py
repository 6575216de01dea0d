"""The beacon's log, replayed: every entry checked by the state transition, every seal's state root against our own.

What is kept here either stands under a checkpoint that this validator cosigned, or under one that is final. Entries
are read and checked without the store's write lock; it is taken for the moment in which the outcome is kept.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import DatabaseError, transaction

from apps.network.errors import NetworkError
from apps.network.log_client import LogClient
from apps.network.network_file import NetworkFile
from apps.validator import protection
from apps.validator.errors import BeaconUnread, Disbelieved
from apps.validator.models import Replica as ReplicaRow
from apps.validator.state_store import SqliteStateStore
from audit_chain.beacon.casper.accessors import get_current_epoch
from audit_chain.beacon.entries import Attestation, parse_entry
from audit_chain.beacon.slashing_protection import SignedVote
from audit_chain.beacon.state import (
    State,
    get_beacon_origin,
    get_latest_seal,
    get_log,
    get_next_index,
    get_seal_entry,
    get_validator,
)
from audit_chain.beacon.transition import process_parsed_entry
from audit_chain.errors import (
    Invalid,
    InvalidConsistencyProof,
    LogError,
    Malformed,
    OldVersion,
    RefusedHistory,
    StateMismatch,
    UnknownValidator,
)
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.tiles import TILE_WIDTH, TileNodes
from audit_chain.merkle.frontier import Frontier
from audit_chain.merkle.hashing import leaf_hash
from audit_chain.merkle.proof import verify_consistency
from audit_chain.merkle.prover import consistency_proof
from audit_chain.statemap.map import StateMap
from audit_chain.statemap.store import prune, roll_back

logger = logging.getLogger(__name__)

BUNDLES = 16  # read at a time: 4096 entries
KEEP_EVERY = 1024  # entries after which a long replay is kept at the next seal
EPOCHS_KEPT = 2  # before the finalized one, for a restart from there
REOPEN_EVERY = 500  # turns; an open state remembers every value that it has read
BUSY = 4.0  # seconds to wait for another request's replay


@dataclass(frozen=True, slots=True)
class Position:
    """Where the replay has come to: the block that ends there, and what a cosignature on it would say."""

    size: int
    slot: int
    slots_per_epoch: int
    time: str
    epoch: int
    justified: int

    @property
    def is_boundary(self) -> bool:
        return self.slot % self.slots_per_epoch == 0


class Replica:
    """One beacon's log as this process has replayed it. Everything but `reader` within `turn`."""

    def __init__(self, network: NetworkFile, name: str, log: LogClient) -> None:
        self._network = network
        self._name = name
        self._log = log
        self._lock = threading.Lock()
        self._state: State | None = None
        self._reader: State | None = None
        self._slots: dict[int, int] = {}
        self._turns = 0
        self._seen: list[SignedVote] = []

    @contextmanager
    def turn(self, *, patience: float = BUSY) -> Iterator[None]:
        """One request at a time. What it leaves uncommitted is forgotten."""
        if not self._lock.acquire(timeout=patience):
            raise BeaconUnread("another request is replaying the beacon's log")
        try:
            yield
            self._turns += 1
            if self._state is not None and (
                self._turns % REOPEN_EVERY == 0 or self._state.map.version != get_next_index(self._state)
            ):
                self._state = None
        except BaseException:
            self._state = None
            raise
        finally:
            self._seen = []
            self._lock.release()

    def advance(self, checkpoint: LogCheckpoint) -> Position:
        """The position at the checkpoint, whose tree is replayed to its end but not kept.

        The caller has verified the beacon's signature on it. Raises RefusedHistory, BeaconUnread, or Disbelieved where
        the beacon signed what breaks the rules.
        """
        try:
            return self._advance(checkpoint)
        except NetworkError as problem:
            raise BeaconUnread(f"the beacon's log cannot be read: {problem}") from None

    def commit(self, size: int) -> None:
        """Keeps the replay up to there, within the caller's transaction; OldVersion where another process did.

        Where the log showed votes of ours that are not remembered, that is kept too.
        """
        state = self._state
        if state is None or get_next_index(state) != size:
            raise OldVersion("nothing was replayed up to there", expected=size)
        if state.map.version != size:
            state.commit(size)
        key, node = self._network.beacon.key, self._network.validator(self._name)
        found: dict[str, object] = {"origin": key.name}
        pubkeys = [keys.ed25519.public for keys in node.key_sets]
        if self._seen and protection.recall(protection.network_root(key), pubkeys, self._seen):
            found["is_amnesic"] = True
        ReplicaRow.objects.update_or_create(pk=1, defaults=found)
        self._prune(state)

    def forget(self) -> None:
        """Begins again from what is kept."""
        self._state, self._seen = None, []

    def reader(self) -> State:
        """The state as kept last; shared by all requests, for reading only."""
        latest = SqliteStateStore().latest()
        reader = self._reader
        if reader is None or reader.map.version != (latest and latest.version):
            reader = self._reader = State(StateMap(SqliteStateStore()))
        return reader

    def _advance(self, checkpoint: LogCheckpoint) -> Position:
        self._follow_restart(checkpoint)
        state = self._open()
        start = get_next_index(state)
        if checkpoint.size < start:
            raise RefusedHistory("older than what was replayed", expected=f"at least {start}", got=checkpoint.size)
        if checkpoint.size == start and start and tree_of(state).root() != checkpoint.root:
            raise RefusedHistory("another tree than the one that was replayed", got=checkpoint.size)
        for first, entries in self._parts(start, checkpoint.size):
            self._check_entries(state, entries, checkpoint)
            if first == 0:
                self._check_genesis(entries, checkpoint)
            self._replay(state, first, entries, checkpoint)
        return self._position(state, checkpoint)

    def _open(self) -> State:
        latest = SqliteStateStore().latest()
        if self._state is None or self._state.map.version != (latest and latest.version):
            self._state = State(StateMap(SqliteStateStore()))
        return self._state

    def _parts(self, start: int, size: int) -> Iterator[tuple[int, list[bytes]]]:
        """Entries from `start` up to `size` in parts that end where bundles end, each with the index of its first."""
        while start < size:
            first_bundle = start // TILE_WIDTH
            bundles = range(first_bundle, min(first_bundle + BUNDLES, -(-size // TILE_WIDTH)))
            entries = [entry for bundle in bundles for entry in self._log.bundle(bundle, size=size)]
            part = entries[start - first_bundle * TILE_WIDTH :]
            yield start, part
            start += len(part)

    def _check_entries(self, state: State, entries: list[bytes], checkpoint: LogCheckpoint) -> None:
        """Nothing, where these are the next entries of the checkpoint's tree: only then they are the beacon's word."""
        tree = tree_of(state)
        for entry in entries:
            tree.append(leaf_hash(entry))
        try:
            self._check_extends(LogCheckpoint(checkpoint.origin, tree.size, tree.root()), checkpoint)
        except (InvalidConsistencyProof, LogError, Malformed):
            raise RefusedHistory("the entries are not those of the checkpoint's tree", got=checkpoint.size) from None

    def _check_extends(self, older: LogCheckpoint, newer: LogCheckpoint) -> None:
        proof: list[bytes] = []
        if 0 < older.size < newer.size:
            nodes = TileNodes(self._log.tile_reader(newer.size), newer.size)
            proof = consistency_proof(older.size, newer.size, nodes)
        verify_consistency(
            old_size=older.size, old_root=older.root, new_size=newer.size, new_root=newer.root, proof=proof
        )

    def _check_genesis(self, entries: list[bytes], checkpoint: LogCheckpoint) -> None:
        genesis = self._network.genesis_entries()
        if entries[: len(genesis)] != genesis:
            raise Disbelieved("the log begins with another genesis than the network file", size=checkpoint.size)

    def _replay(self, state: State, first: int, entries: list[bytes], checkpoint: LogCheckpoint) -> None:
        kept = first
        for index, data in enumerate(entries, first):
            try:
                entry = parse_entry(data)
                if isinstance(entry, Attestation):
                    self._note_own_vote(state, entry)
                process_parsed_entry(state, entry, data, index)
            except StateMismatch as problem:
                raise Disbelieved(str(problem), size=index + 1, subroots=problem.subroots) from None
            except (Malformed, Invalid) as problem:
                raise Disbelieved(f"entry {index}: {type(problem).__name__}: {problem}", size=index) from None
            size = index + 1
            if size - kept >= KEEP_EVERY and size < checkpoint.size and get_latest_seal(state).index == index:
                self._keep(size)
                kept = size

    def _keep(self, size: int) -> None:
        """A stop in a long replay goes on from here."""
        try:
            with transaction.atomic():
                self.commit(size)
        except (OldVersion, DatabaseError) as problem:
            raise BeaconUnread(f"the replay could not be kept ({type(problem).__name__})") from None

    def _note_own_vote(self, state: State, entry: Attestation) -> None:
        if get_beacon_origin(state) != self._network.beacon.key.name:
            return
        try:
            own = get_validator(state, self._name).index
        except UnknownValidator:
            return
        if any(vote.validator == own for vote in entry.votes):
            casper = state.casper
            is_current = entry.epoch == get_current_epoch(casper)
            source = casper.current_justified_checkpoint if is_current else casper.previous_justified_checkpoint
            checkpoint = LogCheckpoint(self._network.beacon.key.name, entry.size, entry.root)
            self._seen.append(SignedVote(entry.epoch, source.epoch, protection.signing_root(checkpoint)))

    def _position(self, state: State, checkpoint: LogCheckpoint) -> Position:
        seal = get_latest_seal(state)
        if seal.index is None or seal.time is None or seal.index != checkpoint.size - 1:
            raise Disbelieved("the checkpoint does not end with a seal", size=checkpoint.size)
        key, log = self._network.beacon.key, get_log(state)
        if log.key != key:
            raise RefusedHistory("the log never came to the network file's key", expected=key.name, got=log.origin)
        width = state.casper.preset.slots_per_epoch
        return Position(
            size=checkpoint.size,
            slot=seal.slot,
            slots_per_epoch=width,
            time=seal.time,
            epoch=seal.slot // width,
            justified=state.casper.current_justified_checkpoint.epoch,
        )

    def _follow_restart(self, checkpoint: LogCheckpoint) -> None:
        """Goes back to the last kept version that the log under its new origin still begins with."""
        row = ReplicaRow.objects.filter(pk=1).first()
        if row is None or row.origin in ("", self._network.beacon.key.name):
            return
        store = SqliteStateStore()
        kept = [one.version for one in store.versions() if one.version <= checkpoint.size]
        version = next((one for one in reversed(kept) if self._is_prefix(one, checkpoint)), None)
        with transaction.atomic():
            if version is None:
                store.forget_after(-1)
            else:
                roll_back(store, version)
            ReplicaRow.objects.filter(pk=1).update(origin=self._network.beacon.key.name)
        self._state = None
        logger.warning("the beacon was restarted: replaying its log from size %s", version or 0)

    def _is_prefix(self, version: int, checkpoint: LogCheckpoint) -> bool:
        tree = tree_of(State(StateMap(SqliteStateStore(), version=version)))
        try:
            self._check_extends(LogCheckpoint(checkpoint.origin, tree.size, tree.root()), checkpoint)
        except InvalidConsistencyProof:
            return False
        return True

    def _prune(self, state: State) -> None:
        """Forgets versions from before the finalized epochs: no restart goes back there."""
        casper = state.casper
        width = casper.preset.slots_per_epoch
        store = SqliteStateStore()
        versions = [one.version for one in store.versions()]
        if versions:
            self._slots[versions[-1]] = get_latest_seal(state).slot
        end = max(0, casper.finalized_checkpoint.epoch - EPOCHS_KEPT) * width
        keep_from = next((one for one in reversed(versions) if self._slot_at(one) <= end), None)
        if keep_from is not None and keep_from != versions[0]:
            prune(store, keep_from)
        self._slots = {version: slot for version, slot in self._slots.items() if version in versions}

    def _slot_at(self, version: int) -> int:
        if version not in self._slots:
            self._slots[version] = get_latest_seal(State(StateMap(SqliteStateStore(), version=version))).slot
        return self._slots[version]


def replayed_size() -> int:
    """Size of the beacon's log as far as it was replayed and kept."""
    latest = SqliteStateStore().latest()
    return latest.version if latest else 0


def tree_of(state: State) -> Frontier:
    """The log's frontier with the latest seal in it; right after a block only."""
    tree = Frontier(state.tree.size, state.tree.hashes)
    if get_latest_seal(state).index == tree.size and (seal := get_seal_entry(state)) is not None:
        tree.append(leaf_hash(seal.encode()))
    return tree
