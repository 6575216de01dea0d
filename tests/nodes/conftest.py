"""A running network for the tests of its nodes."""

import secrets
from collections.abc import Iterator
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from apps.network.beacon_client import BeaconClient
from tests.nodes.processes import Processes


@pytest.fixture(scope="module")
def beacon_database(postgres_url: str) -> Iterator[str]:
    """The URL of a new database for a beacon, dropped after the module."""
    name = f"beacon_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(name)))
        connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(name)))
    address = conninfo_to_dict(postgres_url)
    host, port = quote(str(address.get("host", "localhost")), safe=""), address.get("port", "5432")
    yield f"postgresql://{name}:{name}@/{name}?host={host}&port={port}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, beacon_database: str) -> Iterator[Processes]:
    """Beacon, sequencer and four validators, all ready."""
    processes = Processes(tmp_path_factory.mktemp("network"), beacon_database=beacon_database)
    try:
        processes.migrate("beacon", *processes.validators)
        processes.start(*processes.validators, "sequencer", "beacon")
        yield processes
    finally:
        processes.stop()


@pytest.fixture(scope="module")
def beacon(nodes: Processes) -> Iterator[BeaconClient]:
    client = nodes.beacon()
    yield client
    client.close()
