"""Reading: one look at a beacon and its validators, over HTTP and nothing else."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from apps.monitor.view import Beacon, Epoch, Head, Pool, Registry, Seat, View
from apps.network import beacon_api as api
from apps.network import wire
from apps.network.errors import Declined, Unreachable
from apps.network.log_client import LogClient
from apps.network.network_file import NetworkFile
from apps.network.transport import Answer, Transport
from apps.network.validator_api import ValidatorStatus
from audit_chain import canonical
from audit_chain.beacon.entries import Crosslink, parse_entry
from audit_chain.beacon.key_set import KeySet
from audit_chain.beacon.names import is_name
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.encoding import from_time
from audit_chain.errors import AuditChainError
from audit_chain.log.keys import VerifierKey
from audit_chain.log.note import MAX_NOTE_SIZE
from audit_chain.log.tiles import TileKey, TileReader

T = TypeVar("T")
EPOCHS = 8  # as far back as a look goes; what was finalized before that is not looked at
ACTIVE = ("active", "exiting")


class Reader:
    """Looks at one network. What is said there is checked only as far as the parts of a `View` say so."""

    def __init__(self, network: NetworkFile, beacon_url: str | None = None, *, answer_seconds: float = 5.0) -> None:
        self._network = network
        self._beacon = Transport(beacon_url or network.beacon.url, answer_seconds=answer_seconds)
        self._validators = {
            node.name: Transport(node.url, answer_seconds=answer_seconds) for node in network.validators
        }
        self._seats = tuple(Seat(node.name, True, node.key_sets) for node in network.validators)
        self._pool_keys: tuple[VerifierKey, ...] = ()
        self._crosslinks: dict[int, Head] = {}

    @property
    def network(self) -> NetworkFile:
        return self._network

    def close(self) -> None:
        for transport in (self._beacon, *self._validators.values()):
            transport.close()

    def look(self, now: int, *, known: Callable[[str, int, bytes], bool]) -> View:
        """What there is to see; a head of a pool is fetched unless it is `known` by origin, size and root."""
        heads: list[Head] = []
        try:
            beacon = self._look_at_beacon(heads, known)
        except (Unreachable, Declined, AuditChainError):
            beacon = None
        statuses = {name: self._status(name) for name in self._validators}
        for name, status in statuses.items():
            for log in status.logs if status else ():
                if log.origin == self._network.beacon.key.name or not known(log.origin, log.size, log.root):
                    heads += self._head(self._validators[name], log.origin)
        return View(
            now=now,
            network=self._network.network,
            origin=self._network.beacon.key.name,
            registry=self._registry(),
            beacon=beacon,
            validators=statuses,
            heads=tuple(dict.fromkeys(heads)),
        )

    def tiles(self, size: int) -> TileReader:
        """The hash tiles of the beacon's log as it shows them, each asked for once."""
        read, kept = LogClient(self._beacon).tile_reader(size), dict[TileKey, bytes]()

        def read_once(keys: Sequence[TileKey]) -> Mapping[TileKey, bytes]:
            kept.update(read([key for key in keys if key not in kept]))
            return kept

        return read_once

    def registration(self, pool: str) -> SealedState | None:
        """The sealed state with the pool's registration and nothing else; None where the beacon shows none."""
        question = api.StateQuestion(name=f"pool/{pool}", size=None)
        try:
            answer = _parse(api.StateAnswer, self._post("/state/proof", question))
            sealed = SealedState.from_json(canonical.decode(answer.sealed.encode()))
            values = {name: value for name, value in sealed.values.items() if name == f"pool/{pool}"}
        except (Unreachable, Declined, AuditChainError):
            return None
        return SealedState(sealed.note, sealed.seal, sealed.path, values) if values else None

    def submit(self, proof: str) -> None:
        """Hands a proof of misbehaviour to the beacon; Declined where it takes none, Unreachable where it is silent."""
        answer = self._post("/slashings", api.SlashingSubmission(proof=proof, reporter=None))
        if answer.status not in (200, 202):
            _decline(answer)

    def _look_at_beacon(self, heads: list[Head], known: Callable[[str, int, bytes], bool]) -> Beacon:
        self._learn(self._get(api.Validators, "/validators"))
        epochs = self._get(api.EpochPage, "/epochs", {"limit": EPOCHS}).epochs
        pools = self._get(api.Pools, "/pools").pools
        latest = _first(self._get(api.BlockPage, "/blocks", {"limit": 1}).blocks)
        head = Head.of(self._get(api.Block, f"/blocks/{latest.number}").checkpoint.encode())
        if head.origin != self._network.beacon.key.name:
            raise Unreachable("the beacon shows another log")
        heads.append(head)
        heads += self._published()
        self._pool_keys = tuple(VerifierKey.parse(pool.key) for pool in pools)
        for pool in pools:
            heads += self._crosslinked(pool, known)
        return Beacon(
            time=from_time(latest.time),
            epochs=tuple(
                Epoch(one.epoch, one.size, from_time(one.time), one.finalized, frozenset(one.voters)) for one in epochs
            ),
            pools=tuple(_pool(pool, key) for pool, key in zip(pools, self._pool_keys, strict=True)),
            head=head,
        )

    def _learn(self, answer: api.Validators) -> None:
        """Takes over who is registered; the network file's keys stay, whatever the beacon says."""
        filed = {node.name: node.key_sets for node in self._network.validators}
        seats = []
        for one in answer.validators:
            _check_name(one.name)
            said = tuple(KeySet.from_json(wire.to_json(keys)) for keys in one.key_sets)
            key_sets = tuple(dict.fromkeys((*filed.get(one.name, ()), *said)))
            seats.append(Seat(one.name, one.status in ACTIVE, key_sets))
        self._seats = tuple(seats)

    def _registry(self) -> Registry:
        return Registry(
            network=self._network.network,
            logs=self._network.beacon_keys,
            seats=self._seats,
            pools=self._pool_keys,
            others=tuple(witness.key for witness in self._network.witnesses),
        )

    def _published(self) -> list[Head]:
        """The checkpoint that the log publishes; none before the first is final."""
        try:
            return [Head.of(LogClient(self._beacon).checkpoint())]
        except Declined:
            return []

    def _crosslinked(self, pool: api.PoolState, known: Callable[[str, int, bytes], bool]) -> list[Head]:
        """The pool's latest checkpoint as the beacon's log has it."""
        link = pool.crosslink
        if link.index is None or known(f"{self._network.network}/pool/{pool.name}", link.size, link.root):
            return []
        entry = parse_entry(self._get(api.Entry, f"/entries/{link.index}").entry.encode())
        return [Head.of(entry.note.render())] if isinstance(entry, Crosslink) else []

    def _status(self, name: str) -> ValidatorStatus | None:
        try:
            status = _parse(ValidatorStatus, self._validators[name].exchange("GET", "/status"))
            for log in status.logs:
                from_time(log.time)
        except (Unreachable, Declined, AuditChainError):
            return None
        return status

    def _head(self, validator: Transport, origin: str) -> list[Head]:
        path = f"/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint"
        try:
            answer = validator.exchange("GET", path, limit=MAX_NOTE_SIZE)
            head = Head.of(answer.body) if answer.status == 200 else None
        except (Unreachable, AuditChainError):
            return []
        return [head] if head is not None and head.origin == origin else []

    def _get(self, kind: type[T], path: str, params: Mapping[str, Any] | None = None) -> T:
        return _parse(kind, self._beacon.exchange("GET", path, params=dict(params or {})))

    def _post(self, path: str, question: object) -> Answer:
        headers = {"Content-Type": "application/json"}
        return self._beacon.exchange("POST", path, content=wire.to_text(question), headers=headers)


def _first(blocks: Sequence[api.BlockSummary]) -> api.BlockSummary:
    if not blocks:
        raise Unreachable("the beacon has no block yet")
    return blocks[0]


def _check_name(name: str) -> None:
    # What the beacon calls somebody ends up in alerts.
    if not is_name(name):
        raise Unreachable("the beacon has a name that nobody can have")


def _pool(pool: api.PoolState, key: VerifierKey) -> Pool:
    _check_name(pool.name)
    time = pool.crosslink.time or pool.registered.time
    return Pool(pool.name, key, pool.crosslink.size, from_time(time))


def _parse(kind: type[T], answer: Answer) -> T:
    if answer.status != 200:
        _decline(answer)
    try:
        return wire.parse(kind, answer.body)
    except wire.Unreadable as problem:
        raise Unreachable(f"not {kind.__name__}: {problem}") from None


def _decline(answer: Answer) -> None:
    if 400 <= answer.status < 500 and answer.status != 429:
        raise Declined(answer.status, "refused", f"status {answer.status}")
    raise Unreachable(f"status {answer.status}")
