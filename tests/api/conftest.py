"""The supplier's pool on PostgreSQL and the shared chain, for a module; organisations and tokens, for a test."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from pytest_django.fixtures import Settings

from apps.exchange import network as chain_of_portal
from apps.pools.registry import close_pools
from tests.api.cast import Cast, World, make_cast
from tests.database import new_databases


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[World]:
    with new_databases(postgres_url) as make_database:
        world = World(tmp_path_factory.mktemp("portal"), make_database)
        yield world
        world.close()
        close_pools()


@pytest.fixture
def world(module_world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The world as this portal sees it."""
    settings.VAR_DIR = module_world.var_dir
    settings.NETWORK_FILE = module_world.network_file
    monkeypatch.setattr(chain_of_portal, "_client", lambda _url: module_world.chain)
    yield module_world
    module_world.chain.reset()


@pytest.fixture
def cast(db: None, world: World) -> Cast:
    cache.clear()
    return make_cast()
