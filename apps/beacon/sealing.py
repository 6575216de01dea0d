"""Sealing: what waits becomes a block, in one transaction.

The transaction takes submissions, lets votes and submissions through the state transition, appends what holds, seals
and signs the tree, commits the state, and writes block, epoch and finality. A stop before the commit leaves everything
as it was, submissions included, and the signature has not left the process. A stop after it leaves a sealed block; if
that began an epoch, its votes are still to be gathered.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction

from apps.beacon.finality import final_size, finality_record
from apps.beacon.history import refuse_lost_history
from apps.beacon.log import open_state, open_state_store, open_store
from apps.beacon.models import Block, Epoch
from apps.beacon.ordering import Ordering
from apps.beacon.participation import get_justified, get_participation
from apps.beacon.rotation import with_rotated_keys
from apps.beacon.votes import get_waiting_attestations
from apps.network.network_file import NetworkFile
from apps.network.witness_client import WitnessClient
from audit_chain.beacon.casper.accessors import get_current_epoch, is_active_validator
from audit_chain.beacon.entries import Attestation, Crosslink, Entry, Seal, parse_entry
from audit_chain.beacon.state import State, get_latest_seal, get_log, get_next_index, get_slot, get_validators
from audit_chain.beacon.transition import compute_seal, process_latest_seal, process_parsed_entry
from audit_chain.encoding import from_time, to_time
from audit_chain.errors import Invalid, LogError, Malformed
from audit_chain.log.keys import NoteSigner
from audit_chain.log.note import Note, verified_signatures
from audit_chain.log.sealed_log import SealedLog
from audit_chain.log.store import LogStore
from audit_chain.log.store import Seal as SealedTree
from audit_chain.statemap.store import prune

logger = logging.getLogger(__name__)

BLOCK_LIMIT = 500  # submissions in a block; crosslinks take about half a millisecond each
KEPT_EPOCHS = 256  # whose states can be read and proven, besides all since the latest final one
PRUNE_EVERY = 16  # epochs
STATE_BLOCKS = 100  # after which the state is opened anew: it remembers every value that it has read
NOT_COUNTED = (Attestation, Seal)  # Entries that nobody handed in: nothing waits for them to become final.


class ForeignLog(LogError):
    """The database holds the log of another network or key."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the log stands between two blocks. Weights are those of the validators that are active now."""

    slot: int
    """Of the next block."""
    slots_per_epoch: int
    boundary: SealedTree | None
    """The latest block that began an epoch: what validators vote for."""
    weights: Mapping[str, int]
    voted: frozenset[str]
    """Whose votes for this epoch the log has."""
    justified: int
    """The latest justified epoch."""
    is_pending: bool
    """Whether something that was handed in is not final yet."""

    @property
    def epoch(self) -> int:
        return self.slot // self.slots_per_epoch

    @property
    def ends_epoch(self) -> bool:
        """Whether the next block is its epoch's last, which weighs the votes."""
        return self.slot % self.slots_per_epoch == self.slots_per_epoch - 1


class Sealing:
    """Makes blocks of the network's log, signed by this signer. Not for two threads at once."""

    def __init__(
        self, signer: NoteSigner, ordering: Ordering, network: NetworkFile, *, kept_epochs: int = KEPT_EPOCHS
    ) -> None:
        self._signer = signer
        self._ordering = ordering
        self.network = network
        """With the keys that validators have rotated to."""
        self._policy = network.policy()
        self._kept_epochs = kept_epochs
        self._state: State | None = None

    def begin(self, *, now: int) -> None:
        """Seals the genesis block of an empty log; ForeignLog where the log is not this network's."""
        genesis = self.network.genesis_entries()
        with self._transaction():
            store = open_store()
            if store.lock().next_index == 0:
                self._seal(store, genesis, now)
            else:
                self._refuse_foreign(store, genesis)

    def refuse_lost_history(self, witnesses: Sequence[WitnessClient]) -> None:
        """Nothing, where the database has every tree that the witnesses show; HistoryLost else."""
        store = open_store()
        refuse_lost_history(
            SealedLog(store, self._signer),
            size=store.head().tree_size,
            key=self._signer.verifier_key,
            witnesses=witnesses,
        )

    def seal_block(self, *, now: int, even_empty: bool) -> SealedTree | None:
        """The seal of a block of what waits; None where nothing waits that holds, unless it may be empty.

        `now` is in POSIX seconds; a clock that went back does not take the log's time back with it.
        """
        with self._transaction():
            waiting = self._ordering.take(BLOCK_LIMIT)
            if not waiting and not even_empty:
                return None
            return self._seal(open_store(), waiting, now, even_empty=even_empty)

    def seal_restart(self, entry: bytes, *, now: int) -> SealedTree:
        """The seal of the block that restarts the log under this signer's origin. InvalidRestart for what does not."""
        with self._transaction():
            store = open_store()
            first = store.lock().next_index
            state = self._open_state()
            parsed = parse_entry(entry)
            process_parsed_entry(state, parsed, entry, first)
            if get_log(state).key != self._signer.verifier_key:
                raise ForeignLog("restarted under another key", expected=get_log(state).origin, got=self._signer.name)
            return self._end_block(store, state, first, [(entry, parsed)], now)

    def standing(self) -> Standing:
        with self._transaction():
            state = self._open_state()
            process_latest_seal(state)
            self._take_rotated_keys(state)
            casper = state.casper
            epoch = get_current_epoch(casper)
            active = [one for one in get_validators(state) if is_active_validator(casper.validators[one.index], epoch)]
            boundary = Epoch.objects.order_by("-number").first()
            votes_count = boundary is not None and boundary.number == epoch
            return Standing(
                slot=get_slot(state),
                slots_per_epoch=casper.preset.slots_per_epoch,
                boundary=open_store().seal_at(boundary.size) if boundary else None,
                weights={one.name: casper.validators[one.index].effective_balance for one in active},
                voted=frozenset(
                    one.name for one in active if votes_count and casper.current_epoch_participation[one.index]
                ),
                justified=casper.current_justified_checkpoint.epoch,
                is_pending=Block.objects.filter(final=False, entries__gt=0).exists(),
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """A transaction; if it fails, the state that was read in it is read again."""
        try:
            with transaction.atomic():
                yield
        except BaseException:
            self._state = None
            raise

    def _open_state(self) -> State:
        """The state at the last commit. Kept from block to block, as long as the store has nothing newer."""
        latest = open_state_store().latest()
        if self._state is None or self._state.map.version != (latest.version if latest else None):
            self._state = open_state()
        return self._state

    def _seal(
        self, store: LogStore, waiting: Sequence[bytes], now: int, *, even_empty: bool = False
    ) -> SealedTree | None:
        head = store.lock()
        state = self._open_state()
        if get_next_index(state) != head.next_index:
            raise LogError("state and log are at different sizes", expected=head.next_index, got=get_next_index(state))
        admitted = [*_admit_votes(state), *_admit(state, waiting)]
        if not admitted and not even_empty:
            return None
        return self._end_block(store, state, head.next_index, admitted, now)

    def _end_block(
        self, store: LogStore, state: State, first: int, admitted: Sequence[tuple[bytes, Entry]], now: int
    ) -> SealedTree:
        latest = get_latest_seal(state)
        slot = latest.slot + 1
        epoch, place = divmod(slot, state.casper.preset.slots_per_epoch)
        _note_votes(state, {parsed.epoch for _, parsed in admitted if isinstance(parsed, Attestation)})

        time = to_time(max(now, from_time(latest.time) if latest.time else now))
        seal_entry = compute_seal(state, time=time)
        log = SealedLog(store, self._signer)
        log.append([entry for entry, _ in admitted])
        seal = log.seal(time, heartbeat=True, make_entry=lambda _previous, _index: seal_entry.encode())
        if seal is None:
            raise LogError("the log did not seal the block")
        state.commit(seal.size)

        block = block_of(slot, first, seal.size, (parsed for _, parsed in admitted))
        block.save(force_insert=True)
        if place == 0:
            Epoch.objects.create(number=epoch, size=seal.size, total=get_participation(state.casper, epoch).total)
        if (slot + 1) % state.casper.preset.slots_per_epoch == 0:
            justified = get_justified(state.casper, epoch)
            Epoch.objects.filter(number__in=justified, justified=False).update(justified=True)
            self._take_rotated_keys(state)
            finality_record(state, self.network, self._policy)
            self._prune(epoch)
        logger.info("block %d: %d entries, tree size %d", slot, block.entries, seal.size)
        if slot % STATE_BLOCKS == 0:
            self._state = None
        return seal

    def _take_rotated_keys(self, state: State) -> None:
        network = with_rotated_keys(self.network, state)
        if network is not self.network:
            self.network, self._policy = network, network.policy()

    def _prune(self, epoch: int) -> None:
        """Forgets old states; all since the latest final boundary, and those of the last epochs, stay."""
        if epoch % PRUNE_EVERY:
            return
        kept = Epoch.objects.filter(number__lte=epoch - self._kept_epochs).order_by("-number").first()
        if kept:
            prune(open_state_store(), min(kept.size, final_size()))

    def _refuse_foreign(self, store: LogStore, genesis: Sequence[bytes]) -> None:
        if store.read_entries(0, min(len(genesis), store.head().next_index)) != list(genesis):
            raise ForeignLog("the database's log begins with another genesis than the network file's")
        key = get_log(self._open_state()).key
        if key != self._signer.verifier_key:
            raise ForeignLog("the log goes on under another key", expected=key.name, got=self._signer.name)
        if seal := store.latest_seal():
            verified_signatures(Note.parse(seal.note), [key])


def block_of(slot: int, first: int, size: int, entries: Iterable[Entry]) -> Block:
    """The block's row; `entries` are those before the seal."""
    kinds = [type(entry) for entry in entries]
    return Block(
        number=slot,
        first=first,
        size=size,
        entries=sum(kind not in NOT_COUNTED for kind in kinds),
        crosslinks=kinds.count(Crosslink),
    )


def _admit_votes(state: State) -> list[tuple[bytes, Entry]]:
    process_latest_seal(state)
    if get_latest_seal(state).slot < 0:
        return []
    return _admit(state, [attestation.encode() for attestation in get_waiting_attestations(state)])


def _admit(state: State, waiting: Iterable[bytes]) -> list[tuple[bytes, Entry]]:
    """What holds, in order, each having changed the state; the others are dropped with a line in the log."""
    admitted: list[tuple[bytes, Entry]] = []
    for entry in waiting:
        try:
            parsed = parse_entry(entry)
            process_parsed_entry(state, parsed, entry, get_next_index(state))
        except (Malformed, Invalid) as refusal:
            logger.info("refused a submission: %s", type(refusal).__name__)
        else:
            admitted.append((entry, parsed))
    return admitted


def _note_votes(state: State, epochs: Iterable[int]) -> None:
    """Writes down who has voted, before the epoch's end moves everything on."""
    for epoch in epochs:
        participation = get_participation(state.casper, epoch)
        Epoch.objects.filter(number=epoch).update(
            voted=participation.voted, total=participation.total, voters=participation.voters
        )
