"""Both storages under every test that asks for one."""

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from audit_chain.testing import ExampleNetwork
from data_pool.pool import Pool
from data_pool.storage.memory import MemoryStorage
from data_pool.storage.ports import PoolStorage
from data_pool.storage.postgres import PostgresStorage
from tests.pool.cast import ExampleBeacon, ExampleWitnesses, pool_setup

EMPTY_HEAD = "INSERT INTO log_head (next_index, tree_size, root) VALUES (0, 0, sha256(''))"


@pytest.fixture
def own_storage(pool_database: str) -> Iterator[PostgresStorage]:
    """An empty pool in the database of `pool_database`, for tests that need to know where it is."""
    storage = PostgresStorage(pool_database)
    storage.migrate()
    yield storage
    storage.close()


@pytest.fixture(scope="session")
def shared_database(postgres_url: str) -> Iterator[str]:
    """The URL of one database for all tests of this process: emptying it is much faster than making another."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield make_conninfo(postgres_url, dbname=name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_storage(shared_database: str) -> Iterator[PostgresStorage]:
    """An empty pool on PostgreSQL."""
    storage = PostgresStorage(shared_database)
    storage.migrate()
    yield storage
    storage.close()
    with psycopg.connect(shared_database) as connection:
        query = "SELECT string_agg(tablename, ', ') FROM pg_tables WHERE schemaname = 'public'"
        (tables,) = connection.execute(query).fetchone() or ("",)
        connection.execute(f"TRUNCATE {tables.replace('schema_version, ', '').replace(', schema_version', '')}")
        connection.execute(EMPTY_HEAD)


@pytest.fixture(params=["memory", "postgres"])
def storage(request: pytest.FixtureRequest) -> PoolStorage:
    """An empty pool's storage: the test runs once over each backend."""
    if request.param == "memory":
        return MemoryStorage()
    storage: PostgresStorage = request.getfixturevalue("postgres_storage")
    return storage


@pytest.fixture
def network() -> ExampleNetwork:
    return ExampleNetwork()


@pytest.fixture
def pool(storage: PoolStorage, network: ExampleNetwork) -> Pool:
    return Pool(pool_setup(storage, network))


@pytest.fixture
def witnesses(network: ExampleNetwork) -> ExampleWitnesses:
    return ExampleWitnesses(network)


@pytest.fixture
def beacon(network: ExampleNetwork) -> ExampleBeacon:
    return ExampleBeacon(network)
