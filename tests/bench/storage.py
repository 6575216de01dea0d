"""What the beacon's database keeps of a crosslink and of an epoch, table by table.

A real network takes one crosslink after the other, each of a pool's log that has grown by a given number of records.
What all rows of the beacon's tables come to is taken between, when all is final and at rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from apps.network.beacon_client import BeaconClient
from apps.network.committee import Committee
from audit_chain.log.store import Seal
from data_pool.network import Accepted, TreeHead
from tests.bench.finality import RunningNetwork, running_network
from tests.nodes.cast import Member, Pool
from tests.nodes.processes import eventually

BATCH = 1000
"""Records that the pool's log takes at once."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Of one table; `size` is the bytes of the rows, without the indexes' and the pages' own."""

    count: int
    size: int

    def __sub__(self, earlier: "Rows") -> "Rows":
        return Rows(self.count - earlier.count, self.size - earlier.size)


@dataclass(frozen=True, slots=True)
class CrosslinkStorage:
    """What was added until a crosslink of a pool that grew by `records` was final; `entry` is its own entry's size."""

    records: int
    entry: int
    epochs: int
    tables: dict[str, Rows]

    @property
    def total(self) -> Rows:
        return Rows(sum(rows.count for rows in self.tables.values()), sum(rows.size for rows in self.tables.values()))

    @property
    def epoch_count(self) -> float:
        """Rows of an epoch, the crosslink's own entry left out."""
        return (self.total.count - 1) / self.epochs

    @property
    def epoch_size(self) -> float:
        return (self.total.size - self.entry) / self.epochs


def measure_storage(records: Sequence[int], *, validators: int = 4) -> list[CrosslinkStorage]:
    """What one crosslink after the other adds, of a pool that has grown by so many records each time."""
    with running_network(validators) as network:
        beacon, committee = network.beacon(), Committee.of(network.processes.network)
        pool = Pool("bench").register(beacon, Member("bench").register(beacon))
        _crosslink(network, beacon, committee, pool, 1)  # The first one also makes what the later ones find.
        found = [_crosslink(network, beacon, committee, pool, count) for count in records]
        beacon.close()
    return found


def _crosslink(
    network: RunningNetwork, beacon: BeaconClient, committee: Committee, pool: Pool, records: int
) -> CrosslinkStorage:
    before, first = _at_rest(network, beacon)
    size = pool.parent.size
    seal = _grow(pool, records)
    if not isinstance(pool.submit(beacon, pool.cosigned(seal, committee)), Accepted):
        raise RuntimeError(f"the crosslink from {size} to {seal.size} was not taken")
    pool.parent = TreeHead(size=seal.size, root=seal.root)
    linked = eventually(lambda: (found := beacon.crosslink(pool.name)) and found.size == seal.size and found)
    after, last = _at_rest(network, beacon)
    tables = {name: after[name] - before[name] for name in after}
    return CrosslinkStorage(records, len(beacon.entry(linked.index).entry.encode()), last - first, tables)


def _grow(pool: Pool, records: int) -> Seal:
    for start in range(0, records, BATCH):
        pool.log.append([b"%d" % number for number in range(start, min(records, start + BATCH))])
    seal = pool.log.seal("2026-11-22T15:40:00Z")
    if seal is None:
        raise RuntimeError("the pool's log has not grown")
    return seal


def _at_rest(network: RunningNetwork, beacon: BeaconClient) -> tuple[dict[str, Rows], int]:
    """All tables and the number of the current epoch, once nothing waits and everything is final."""
    with psycopg.connect(network.database_url, autocommit=True) as connection:
        eventually(lambda: _is_at_rest(connection))
        epoch = connection.execute("SELECT max(number) FROM beacon_epoch").fetchone()
        return _tables(connection), int(epoch[0]) if epoch else 0


def _is_at_rest(connection: psycopg.Connection) -> bool:
    not_final = "SELECT FROM beacon_block WHERE NOT final AND entries > 0"
    query = f"SELECT EXISTS (SELECT FROM beacon_submission) OR EXISTS ({not_final})"
    row = connection.execute(query).fetchone()
    return row == (False,)


def _tables(connection: psycopg.Connection) -> dict[str, Rows]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'django%' ORDER BY 1"
    names = [name for (name,) in connection.execute(query)]
    return {name: _rows(connection, name) for name in names}


def _rows(connection: psycopg.Connection, table: str) -> Rows:
    query = sql.SQL("SELECT count(*), coalesce(sum(pg_column_size(t.*)), 0) FROM {} AS t").format(sql.Identifier(table))
    row = connection.execute(query).fetchone()
    return Rows(int(row[0]), int(row[1])) if row else Rows(0, 0)
