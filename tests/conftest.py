"""Fixtures for every folder of tests."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _pytest.nodeid import NodeId
from psycopg.conninfo import conninfo_to_dict

from tests import database
from tests.stack import Stack, end, launch, place_on_free_ports, sweep

CORPORA = Path(__file__).resolve().parents[2] / "shared" / "corpora"


def is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    if not is_worker(config):
        database.session_folder().chmod(0o711)  # The server's system user has to pass.
        for dead in database.dead_sessions():
            sweep(dead)
            database.remove_session(dead)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not is_worker(config):
        sweep(database.session_folder())
        database.remove_session(database.session_folder())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests on the whole network run one after the other in one worker: some of them kill what others need."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("stack"))
        if is_worker(config):
            tell_group(item)


def tell_group(item: pytest.Item) -> None:
    """Puts a test's group behind its id, where pytest-xdist looks for it.

    xdist 3.8 means to do so itself, but writes to an attribute that pytest no longer reads: without this all groups
    are ignored.
    """
    for mark in item.iter_markers("xdist_group"):
        item._id = NodeId.parse(f"{item.nodeid}@{mark.args[0]}")  # type: ignore[attr-defined]
        return


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The whole network, started once by the command that people use, on free ports."""
    place = place_on_free_ports(database.session_folder() / "stack")
    launcher = launch(place, database.session_folder() / "stack.out")
    try:
        yield Stack(place)
    finally:
        end(launcher)


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of third-party test data, which is not part of the project."""
    if not CORPORA.is_dir():
        pytest.skip(f"third-party test data is not at {CORPORA}")
    return CORPORA


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """The superuser's URL of a PostgreSQL server: TEST_DATABASE_URL's, or an embedded one for this session."""
    return os.environ.get("TEST_DATABASE_URL") or database.ensure_server()


@pytest.fixture
def make_database(postgres_url: str) -> Iterator[Callable[[], str]]:
    """Call it for the URL of a new, empty database that belongs to a new role; both are dropped after the test."""
    with database.new_databases(postgres_url) as make:
        yield make


@pytest.fixture
def pool_database(make_database: Callable[[], str]) -> str:
    """The URL of a new, empty database that belongs to a role of its own."""
    return make_database()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None, postgres_url: str) -> None:
    """Django's test databases go onto the session's server."""
    from django.db import connection

    address = conninfo_to_dict(postgres_url)
    connection.settings_dict.update(
        NAME=address.get("dbname", "postgres"),
        USER=address.get("user", ""),
        PASSWORD=address.get("password", ""),
        HOST=address.get("host", ""),
        PORT=str(address.get("port", "")),
        CONN_MAX_AGE=0,
    )
