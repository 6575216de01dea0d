"""The shared chain in memory, as the portal's client of the beacon shows it."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from apps.network import beacon_api as api
from apps.network.errors import Declined
from audit_chain import canonical
from audit_chain.beacon.casper.accessors import get_current_epoch
from audit_chain.beacon.casper.containers import Epoch
from audit_chain.beacon.entries import Attestation, Crosslink, Entry, Evidence, parse_entry
from audit_chain.beacon.entries import Seal as SealEntry
from audit_chain.beacon.state import (
    RegisteredPool,
    State,
    compute_evidence_key,
    get_committee,
    get_crosslink,
    get_deposits,
    get_member,
    get_members,
    get_motion,
    get_pool,
    get_pools,
    get_total_weight,
    get_validators,
)
from audit_chain.beacon.transition import process_entry
from audit_chain.encoding import from_hex
from audit_chain.errors import UnknownEpoch, UnknownMember, UnknownPool
from audit_chain.log.note import Note
from audit_chain.merkle.hashing import leaf_hash
from audit_chain.statemap.map import StateMap
from data_pool.network import ProvenEntry
from tests.pool.cast import ExampleBeacon


@dataclass(frozen=True, slots=True)
class _SealAt:
    """A block's seal, and the index of the block's first entry."""

    index: int
    first: int
    slot: int
    time: str


class ExampleChain(ExampleBeacon):
    """The example beacon, with what explorers, courts and regulators ask of it."""

    def __init__(self, network: object) -> None:
        super().__init__(network)  # type: ignore[arg-type]
        self.found_by_monitor: list[api.Alert] = []
        self.files: dict[str, bytes] = {}
        self._parsed: dict[bytes, Entry] = {}
        self._read: tuple[object, list[_SealAt], dict[int, bytes]] = (None, [], {})

    def reset(self) -> None:
        """As it was when it was made, but for its entries."""
        self.reachable = True
        self.found_by_monitor.clear()
        self.files.clear()

    def submit_evidence(self, deposit: bytes) -> api.Receipt:
        self._reach()
        entry = Evidence(Note.parse(deposit))
        known = get_deposits(self.network.state, entry.deposit.digest)
        index = next((one.index for one in known if one.member == entry.deposit.member), None)
        if index is None and entry not in self.queue:
            state = State(StateMap(self.network.states))
            process_entry(state, entry.encode(), self.network.store.head().next_index)
            self.queue.append(entry)  # type: ignore[arg-type]  # encoded like a crosslink
        return api.Receipt(index)

    def proof(self, index: int, *, every_key: bool = False) -> ProvenEntry | None:
        return super().proof(index)

    # Evidence and state

    def deposits(self, sha256: str) -> tuple[api.Deposit, ...]:
        return self.lookup(sha256).deposits

    def lookup(self, sha256: str) -> api.Deposits:
        self._reach()
        found = get_deposits(self.network.state, from_hex(sha256))
        placed = [(one, self._placement(one.index)) for one in found]
        deposits = tuple(api.Deposit(one.member, one.index, at.block, at.time, at.final) for one, at in placed)
        sealed = self._sealed(compute_evidence_key(from_hex(sha256))) if self.network.finalized else None
        return api.Deposits(deposits, sealed)

    def state_proof(self, name: str, *, size: int | None = None) -> api.StateAnswer:
        self._reach()
        if not self.network.finalized:
            raise Declined(404, "not_found", "nothing is final")
        latest = self.network.finalized[-1]
        proven = self.network.sealed_state(latest, (name,)).values[name]
        value = None if proven.value is None else proven.value.decode()
        return api.StateAnswer(latest, value, proven.proof.render().decode(), self._sealed(name))

    def finality(self, size: int | None = None) -> api.FinalityProof:
        self._reach()
        size = self.network.finalized[-1] if size is None else size
        if size not in self.network.finalized:
            raise Declined(404, "not_found", "not final")
        (target,) = [checkpoint for checkpoint, where in self.network.boundaries.items() if where == size]
        showing = self.network.sealed_state(self.network.finalizing_size(size))
        note = self.network.notes[size].render().decode()
        return api.FinalityProof(target.epoch, size, note, canonical.encode(showing.to_json()).decode())

    def _sealed(self, name: str) -> str:
        sealed = self.network.sealed_state(self.network.finalized[-1], (name, "casper", "network"))
        return canonical.encode(sealed.to_json()).decode()

    # Who takes part

    def member(self, name: str) -> api.MemberState:
        self._reach()
        try:
            found = get_member(self.network.state, name)
        except UnknownMember:
            raise Declined(404, "not_found", "no such member") from None
        return api.MemberState(name, str(found.key), found.suspended, self._placement(found.index))

    def members(self) -> tuple[api.MemberState, ...]:
        self._reach()
        return tuple(self.member(one.name) for one in get_members(self.network.state))

    def pools(self) -> tuple[api.PoolState, ...]:
        self._reach()
        return tuple(self._pool(pool) for pool in get_pools(self.network.state))

    def pool(self, name: str) -> api.PoolState:
        self._reach()
        try:
            return self._pool(get_pool(self.network.state, name))
        except UnknownPool:
            raise Declined(404, "not_found", "no such pool") from None

    def committee(self, pool: str) -> api.Committee:
        self._reach()
        epoch = get_current_epoch(self.network.state.casper)
        names = tuple(one.name for one in get_committee(self.network.state, pool, epoch))
        return api.Committee(epoch, names)

    def validators(self) -> api.Validators:
        """The first has cosigned nothing, as far as this chain tells."""
        self._reach()
        casper = self.network.state.casper
        seal = self._seals()[-1]
        boundary = self.epochs(limit=1).epochs[0]
        cosigned = api.Cosigned(size=boundary.size, block=boundary.first_slot, time=seal.time)
        ended = [one for one in self.epochs().epochs if one.epoch < get_current_epoch(casper)]
        return api.Validators(
            size=self.network.store.head().tree_size,
            final_size=self._final_size,
            waiting=sum(self.block(one.slot).block.entries for one in self._seals() if one.index >= self._final_size),
            epoch=get_current_epoch(casper),
            justified_epoch=casper.current_justified_checkpoint.epoch,
            finalized_epoch=casper.finalized_checkpoint.epoch,
            validators=tuple(
                api.ValidatorState(
                    name=one.name,
                    index=one.index,
                    url=None,
                    keys=tuple(map(str, one.key_sets[-1].keys)),
                    key_sets=tuple(
                        api.KeyValidity(tuple(map(str, keys.keys)), keys.not_before, keys.not_after)
                        for keys in one.key_sets
                    ),
                    governance=str(one.governance),
                    balance=casper.balances[one.index],
                    weight=casper.validators[one.index].effective_balance,
                    status="slashed" if casper.validators[one.index].slashed else "active",
                    votes=sum(one.name in epoch.voters for epoch in ended[:16]),
                    epochs=len(ended[:16]),
                    last_epoch=boundary.epoch if one.index else None,
                    cosigned=cosigned if one.index else None,
                )
                for one in get_validators(self.network.state)
            ),
        )

    def motions(self) -> api.Motions:
        self._reach()
        state = self.network.state
        found = [(from_hex(name), get_motion(state, from_hex(name))) for name in state.load("motion/")]
        return api.Motions(
            epoch=get_current_epoch(state.casper),
            total=get_total_weight(state),
            motions=tuple(
                api.Motion(
                    digest=digest,
                    action=one.motion.action,
                    motion=canonical.encode(one.motion.to_json()).decode(),
                    expires=one.motion.expires,
                    voters=one.voters,
                    moved=self._placement(one.index),
                    carried=None if one.executed is None else self._placement(one.executed),
                )
                for digest, one in sorted(found, key=lambda pair: -pair[1].index)
            ),
        )

    def offences(self) -> tuple[api.Offence, ...]:
        self._reach()
        state = self.network.state
        found = [state[f"offence/{name}"] for name in state.load("offence/")]
        return tuple(
            api.Offence(one["kind"], one["offender"], one["reporter"], self._placement(one["index"]))  # type: ignore[index, call-overload, arg-type]
            for one in found
        )

    def alerts(self) -> tuple[api.Alert, ...]:
        self._reach()
        return tuple(self.found_by_monitor)

    def alert_evidence(self, digest: str) -> bytes:
        return self.files[digest]

    # What stands on it

    def block(self, number: int) -> api.Block:
        self._reach()
        seals = self._seals()
        if number >= len(seals):
            raise Declined(404, "not_found", "no such block")
        seal = seals[number]
        inside = [(index, self._entry(index)) for index in range(seal.first, seal.index + 1)]
        is_boundary = number % self.network.slots_per_epoch == 0
        summary = api.BlockSummary(
            number=number,
            epoch=number // self.network.slots_per_epoch,
            time=seal.time,
            first=seal.first,
            size=seal.index + 1,
            root=self._root(seal.index + 1),
            entries=sum(not isinstance(entry, Attestation | SealEntry) for _, entry in inside),
            crosslinks=sum(isinstance(entry, Crosslink) for _, entry in inside),
            final=self._is_final(seal.index),
            cosigners=tuple(one.name for one in self.network.voters) if is_boundary else (),
        )
        note = self.network.notes.get(summary.size)
        return api.Block(
            summary,
            checkpoint=note.render().decode() if note else "",
            entries=tuple(api.EntryLine(index, entry.TYPE) for index, entry in inside),
        )

    def blocks(self, *, before: int | None = None, limit: int = 50) -> api.BlockPage:
        self._reach()
        newest = len(self._seals()) if before is None else before
        numbers = list(range(newest - 1, max(-1, newest - 1 - limit), -1))
        following = numbers[-1] if numbers and numbers[-1] > 0 else None
        return api.BlockPage(tuple(self.block(number).block for number in numbers), following)

    def epochs(self, *, before: int | None = None, limit: int = 50) -> api.EpochPage:
        self._reach()
        width = self.network.slots_per_epoch
        newest = (len(self._seals()) - 1) // width + 1 if before is None else before
        numbers = list(range(newest - 1, max(-1, newest - 1 - limit), -1))
        following = numbers[-1] if numbers and numbers[-1] > 0 else None
        return api.EpochPage(tuple(self._epoch(number) for number in numbers), following)

    def epoch(self, number: int) -> api.Epoch:
        width = self.network.slots_per_epoch
        summary = self._epoch(number)
        slots = range(min(number * width + width, len(self._seals())) - 1, number * width - 1, -1)
        state = self.network.state
        return api.Epoch(
            epoch=summary,
            committees=tuple(self._committee(pool.name, Epoch(number)) for pool in get_pools(state)),
            blocks=tuple(self.block(slot).block for slot in slots),
        )

    def crosslinks(self, *, first: int, epochs: int) -> tuple[api.PlacedCrosslink, ...]:
        self._reach()
        width = self.network.slots_per_epoch
        return tuple(
            api.PlacedCrosslink(entry.pool, index, seal.slot, seal.slot // width)
            for seal in self._seals()
            if first <= seal.slot // width < first + epochs
            for index in range(seal.first, seal.index)
            if isinstance(entry := self._entry(index), Crosslink)
        )

    def find(self, value: bytes) -> api.HashPlaces:
        self._reach()
        blocks = (seal.slot for seal in self._seals() if self._root(seal.index + 1) == value)
        (*entries,) = self.network.store.read_entries(0, self.network.store.head().tree_size)
        found = (index for index, data in enumerate(entries) if leaf_hash(data) == value)
        return api.HashPlaces(next(blocks, None), next(found, None))

    def entry(self, index: int) -> api.Entry:
        self._reach()
        if not 0 <= index < self.network.store.head().tree_size:
            raise Declined(404, "not_found", "no such entry")
        (data,) = self.network.store.read_entries(index, index + 1)
        at = self._placement(index)
        return api.Entry(data.decode(), parse_entry(data).TYPE, index, at.block, at.time, at.final)

    def _committee(self, pool: str, epoch: Epoch) -> api.PoolCommittee:
        try:
            found = get_committee(self.network.state, pool, epoch)
        except UnknownEpoch:
            return api.PoolCommittee(pool, None)
        return api.PoolCommittee(pool, tuple(one.name for one in found))

    def _epoch(self, number: int) -> api.EpochSummary:
        width = self.network.slots_per_epoch
        seals = self._seals()
        if number * width >= len(seals):
            raise Declined(404, "not_found", "no such epoch")
        seal = seals[number * width]
        state, casper = self.network.state, self.network.state.casper
        names = {one.index: one.name for one in get_validators(state)}
        voters = {
            names[vote.validator]
            for index in range(seal.index, self.network.store.head().tree_size)
            if isinstance(entry := self._entry(index), Attestation) and entry.epoch == number
            for vote in entry.votes
        }
        blocks = [self.block(slot).block for slot in range(number * width, min(number * width + width, len(seals)))]
        weights = {one.name: casper.validators[one.index].effective_balance for one in get_validators(state)}
        finalized = number <= casper.finalized_checkpoint.epoch and bool(self.network.finalized)
        return api.EpochSummary(
            epoch=number,
            first_slot=number * width,
            size=seal.index + 1,
            root=self._root(seal.index + 1),
            time=seal.time,
            justified=finalized or number == casper.current_justified_checkpoint.epoch,
            finalized=finalized,
            voted=sum(weights[name] for name in voters),
            total=sum(weights.values()),
            voters=tuple(name for name in names.values() if name in voters),
            entries=sum(block.entries for block in blocks),
            crosslinks=sum(block.crosslinks for block in blocks),
        )

    def _pool(self, pool: RegisteredPool) -> api.PoolState:
        registered, crosslink = self._placement(pool.index), self._crosslink(pool.name)
        return api.PoolState(pool.name, pool.member, str(pool.key), pool.suspended, registered, crosslink)

    def _crosslink(self, pool: str) -> api.PoolCrosslink:
        current = get_crosslink(self.network.state, pool)
        if current.index is None:
            return api.PoolCrosslink(pool, None, None, 0, current.root, None, None, final=False)
        at = self._placement(current.index)
        return api.PoolCrosslink(
            pool, current.epoch, current.index, current.size, current.root, at.block, at.time, at.final
        )

    def _placement(self, index: int) -> api.Placement:
        seals = self._seals()
        number = bisect_left([seal.index for seal in seals], index)
        return api.Placement(index, number, seals[number].time, self._is_final(index))

    @property
    def _final_size(self) -> int:
        return self.network.finalized[-1] if self.network.finalized else 0

    def _seals(self) -> list[_SealAt]:
        return self._known()[0]

    def _root(self, size: int) -> bytes:
        roots = self._known()[1]
        if size not in roots:
            roots[size] = self.network.log.root(size)
        return roots[size]

    def _known(self) -> tuple[list[_SealAt], dict[int, bytes]]:
        """Seals and roots, for as long as the log stays as it is."""
        head = self.network.store.head()
        if self._read[0] != head:
            self._read = (head, list(self._read_seals()), {})
        return self._read[1], self._read[2]

    def _read_seals(self) -> Iterator[_SealAt]:
        first = 0
        for index in range(self.network.store.head().next_index):
            entry = self._entry(index)
            if isinstance(entry, SealEntry):
                yield _SealAt(index, first, entry.slot, entry.time)
                first = index + 1

    def _entry(self, index: int) -> Entry:
        """Read once, for these pages look at every entry again and again."""
        (data,) = self.network.store.read_entries(index, index + 1)
        if data not in self._parsed:
            self._parsed[data] = parse_entry(data)
        return self._parsed[data]
