"""How long proofs from PostgreSQL take, how long their verification, and how large they are.

Each is made as the answer to a request is: nothing of an earlier proof is remembered but what the database keeps in its
own cache. Names and places are drawn at random. The bound is the time of an empty question to the same database.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from statistics import median, quantiles
from typing import TypeVar

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_chain.log.keys import NoteSigner
from audit_chain.log.sealed_log import SealedLog
from audit_chain.merkle.hashing import leaf_hash
from audit_chain.merkle.proof import verify_consistency, verify_inclusion
from audit_chain.statemap.map import StateMap
from data_pool.storage.postgres_log import LOG_SCHEMA_SQL, PostgresLogStore
from data_pool.storage.postgres_state import STATE_SCHEMA_SQL, PostgresStateStore
from tests.bench.database import durable_server

COMMITS = 4
"""In which the state map is loaded, so that its rows are of several versions."""

BATCH = 50_000
"""Entries of the log in each batch, closed by a seal."""

T = TypeVar("T")

SEALED_AT = "2026-11-22T15:40:00Z"


@dataclass(frozen=True, slots=True)
class ProofCost:
    """`made` and `verified` are seconds, of which the first also counts reading from the database."""

    kind: str
    entries: int
    made: tuple[float, ...]
    verified: tuple[float, ...]
    sizes: tuple[int, ...]
    round_trip: float
    """Median seconds of a question whose answer is a constant."""

    @property
    def made_median(self) -> float:
        return median(self.made)

    @property
    def made_slow(self) -> float:
        """99th percentile."""
        return quantiles(self.made, n=100)[98]

    @property
    def verified_median(self) -> float:
        return median(self.verified)

    @property
    def largest(self) -> int:
        return max(self.sizes)


@dataclass(frozen=True, slots=True)
class Timed:
    """One proof."""

    made: float
    verified: float
    size: int


def measure_proofs(entries: int, *, repeat: int = 1000) -> Iterator[ProofCost]:
    """Membership and non-membership in a state map of so many names, inclusion and consistency in such a log."""
    random = Random(1)
    with durable_server() as make_database:
        with _connected(make_database(), STATE_SCHEMA_SQL) as connection:
            root = _load_state(connection, entries)
            bound = _round_trip(connection, repeat)
            names = [_name(random.randrange(entries)) for _ in range(repeat)]
            members = [_prove_name(connection, name, _value(name), root) for name in names]
            yield _cost("membership", entries, members, bound)
            others = [_prove_name(connection, f"{name}.absent", None, root) for name in names]
            yield _cost("non-membership", entries, others, bound)
        with _connected(make_database(), LOG_SCHEMA_SQL) as connection:
            log = _load_log(connection, entries)
            size = PostgresLogStore(connection).head().tree_size
            root = log.root(size)
            bound = _round_trip(connection, repeat)
            places = [random.randrange(1, size) for _ in range(repeat)]
            store = PostgresLogStore(connection)
            leaves = [leaf_hash(*store.read_entries(place, place + 1)) for place in places]
            included = [
                _prove_inclusion(log, place, size, leaf, root) for place, leaf in zip(places, leaves, strict=True)
            ]
            yield _cost("inclusion", size, included, bound)
            roots = [log.root(place) for place in places]
            earlier = [
                _prove_consistency(log, place, size, old, root) for place, old in zip(places, roots, strict=True)
            ]
            yield _cost("consistency", size, earlier, bound)


@contextmanager
def _connected(url: str, schema: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(schema.encode())
        yield connection


def _load_state(connection: psycopg.Connection, entries: int) -> bytes:
    """The root of a state map with so many names."""
    root = b""
    for number in range(COMMITS):
        with connection.transaction():
            state = StateMap(PostgresStateStore(connection))
            for entry in range(entries * number // COMMITS, entries * (number + 1) // COMMITS):
                name = _name(entry)
                state.put(name, _value(name))
            root = state.commit(number)
    connection.execute("ANALYZE")
    return root


def _load_log(connection: psycopg.Connection, entries: int) -> SealedLog:
    log = SealedLog(PostgresLogStore(connection), NoteSigner("bench.example/log", Ed25519PrivateKey.generate()))
    for start in range(0, entries, BATCH):
        with connection.transaction():
            log.append([b'{"entry":%d}' % number for number in range(start, min(entries, start + BATCH))])
            log.seal(SEALED_AT)
    connection.execute("ANALYZE")
    return log


def _name(number: int) -> str:
    return f"record/{sha256(b'%d' % number).hexdigest()}"


def _value(name: str) -> bytes:
    """A hundred bytes or so, as what a pool says of a record."""
    return b'{"name":"%s","void":false}' % name.encode()


def _round_trip(connection: psycopg.Connection, repeat: int) -> float:
    return median(_seconds(lambda: connection.execute("SELECT 1").fetchall())[0] for _ in range(repeat))


def _prove_name(connection: psycopg.Connection, name: str, value: bytes | None, root: bytes) -> Timed:
    made, proof = _seconds(lambda: StateMap(PostgresStateStore(connection)).prove(name))
    verified, _ = _seconds(lambda: proof.verify(name, value, root))
    return Timed(made, verified, len(proof.render()))


def _prove_inclusion(log: SealedLog, index: int, size: int, leaf: bytes, root: bytes) -> Timed:
    made, proof = _seconds(lambda: log.inclusion_proof(index, size))
    verified, _ = _seconds(lambda: verify_inclusion(leaf_hash=leaf, index=index, size=size, proof=proof, root=root))
    return Timed(made, verified, sum(map(len, proof)))


def _prove_consistency(log: SealedLog, old: int, new: int, old_root: bytes, new_root: bytes) -> Timed:
    made, proof = _seconds(lambda: log.consistency_proof(old, new))
    verified, _ = _seconds(
        lambda: verify_consistency(old_size=old, new_size=new, proof=proof, old_root=old_root, new_root=new_root)
    )
    return Timed(made, verified, sum(map(len, proof)))


def _seconds(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    done = work()
    return time.perf_counter() - start, done


def _cost(kind: str, entries: int, timed: list[Timed], bound: float) -> ProofCost:
    return ProofCost(
        kind=kind,
        entries=entries,
        made=tuple(one.made for one in timed),
        verified=tuple(one.verified for one in timed),
        sizes=tuple(one.size for one in timed),
        round_trip=bound,
    )
