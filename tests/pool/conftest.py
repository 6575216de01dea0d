"""Both storages under every test that asks for one."""

from collections.abc import Iterator

import pytest

from audit_chain.testing import ExampleNetwork
from data_pool.pool import Pool
from data_pool.storage.memory import MemoryStorage
from data_pool.storage.ports import PoolStorage
from data_pool.storage.postgres import PostgresStorage
from tests.pool.cast import ExampleBeacon, ExampleWitnesses, pool_setup


@pytest.fixture
def postgres_storage(pool_database: str) -> Iterator[PostgresStorage]:
    storage = PostgresStorage(pool_database)
    storage.migrate()
    yield storage
    storage.close()


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
