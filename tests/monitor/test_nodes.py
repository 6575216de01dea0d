"""The monitor inside a beacon, beside real validators and a real sequencer."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from psycopg import sql

from apps.network.beacon_client import BeaconClient
from tests.monitor.conftest import Watched
from tests.nodes.cast import Member, fresh_name
from tests.nodes.processes import BASE_DIR, NETWORK, eventually, free_port

Alerts = dict[tuple[str, str], dict[str, str]]


@pytest.fixture(scope="module")
def monitored(network: Watched) -> Watched:
    network.watch()
    return network


@pytest.fixture(scope="module")
def client(monitored: Watched) -> Iterator[BeaconClient]:
    client = monitored.beacon()
    yield client
    client.close()


@pytest.fixture(scope="module")
def member(client: BeaconClient) -> Member:
    return Member(fresh_name("member")).register(client)


def alerts(network: Watched) -> Alerts:
    """The open alerts as the beacon tells them."""
    answer = httpx.get(network.url("beacon") + "/alerts").json()["alerts"]
    return {(one["kind"], one["subject"]): one for one in answer if one["cleared"] is None}


def deposit(client: BeaconClient, member: Member, *, count: int = 1) -> None:
    for _ in range(count):
        client.submit_evidence(member.deposit(os.urandom(32)))


def measured(network: Watched, text: str) -> bool:
    return text in httpx.get(network.url("beacon") + "/metrics").text


def test_of_a_healthy_network_the_beacon_tells_no_alerts(
    monitored: Watched, client: BeaconClient, member: Member
) -> None:
    deposit(client, member)
    eventually(lambda: measured(monitored, "tallystick_beacon_up 1.0\n"))
    eventually(lambda: measured(monitored, 'tallystick_validator_voted{validator="court"} 1.0\n'))
    assert alerts(monitored) == {}


def test_a_validator_that_hangs_is_named_and_forgiven(monitored: Watched, client: BeaconClient, member: Member) -> None:
    monitored.pause("court")
    try:
        deposit(client, member)
        eventually(lambda: {("validator-unreachable", "court"), ("missing-vote", "court")} <= alerts(monitored).keys())
    finally:
        monitored.resume("court")
    deposit(client, member)
    eventually(lambda: client.validators().waiting == 0 and deposit(client, member) is None and not alerts(monitored))


def test_what_nobody_has_is_not_found(monitored: Watched) -> None:
    assert httpx.get(f"{monitored.url('beacon')}/alerts/{hashlib.sha256().hexdigest()}").status_code == 404
    assert httpx.post(f"{monitored.url('beacon')}/alerts").status_code == 405


def test_a_sequencer_that_forks_is_shown_and_proven_and_nothing_more_becomes_final(
    monitored: Watched,
    client: BeaconClient,
    member: Member,
    beacon_database: str,
    postgres_url: str,
    tmp_path: Path,
) -> None:
    """It goes on from an older copy of its database, and does not ask the validators what they have signed."""
    for name in ("monitor", "sequencer", "beacon"):
        monitored.kill(name)
    copy = copied(beacon_database, postgres_url)
    try:
        monitored.start("sequencer", "beacon")
        deposit(client, member, count=3)
        eventually(lambda: client.validators().waiting == 0)
        final = client.validators().final_size
        for name in ("sequencer", "beacon"):
            monitored.kill(name)

        monitored.use_database(copy)
        monitored.run_sequencer(NETWORK_FILE=str(without_validators(monitored, tmp_path)))
        monitored.start("beacon")
        monitored.watch()
        deposit(client, member, count=20)
        found = eventually(lambda: (found := alerts(monitored)).keys() >= {("fork", f"{NETWORK}/beacon")} and found)
        file = httpx.get(f"{monitored.url('beacon')}/alerts/{found['fork', f'{NETWORK}/beacon']['evidence']}").content
        assert verdict(monitored, tmp_path, file).startswith(f"PROVEN. The beacon's log {NETWORK}/beacon has two")
        assert client.validators().final_size < final
        eventually(lambda: ("finality-stalled", NETWORK) in alerts(monitored))
        eventually(lambda: offences(monitored) == {("beacon-fork", f"{NETWORK}/beacon")})
    finally:
        monitored.stop()
        drop(copy, postgres_url)


def offences(network: Watched) -> set[tuple[str, str]]:
    answer = httpx.get(network.url("beacon") + "/offences").json()["offences"]
    return {(one["kind"], one["offender"]) for one in answer}


def verdict(network: Watched, tmp_path: Path, file: bytes) -> str:
    """What a stranger's own check says."""
    (tmp_path / "proof.json").write_bytes(file)
    (tmp_path / "policy.txt").write_bytes(network.network.policy().render())
    command = [sys.executable, "-m", "audit_chain", "misbehaviour", "proof.json", "--policy", "policy.txt"]
    environment = {**os.environ, "PYTHONPATH": str(BASE_DIR)}
    return subprocess.run(
        command, cwd=tmp_path, env=environment, check=True, capture_output=True, encoding="utf-8"
    ).stdout


def without_validators(network: Watched, tmp_path: Path) -> Path:
    """A network file in which nobody answers where the validators should."""
    text = network.network.render().decode()
    for name in network.validators:
        text = text.replace(network.url(name), f"http://127.0.0.1:{free_port()}")
    path = tmp_path / "network.json"
    path.write_text(text)
    return path


def copied(url: str, superuser: str) -> str:
    """The URL of a copy of the database."""
    name = urlsplit(url).path.strip("/") or urlsplit(url).username
    assert name
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}")
        identifiers = (sql.Identifier(f"{name}_copy"), sql.Identifier(name), sql.Identifier(name))
        connection.execute(statement.format(*identifiers))
    return url.replace(f"/{name}?", f"/{name}_copy?")


def drop(url: str, superuser: str) -> None:
    with psycopg.connect(superuser, autocommit=True) as connection:
        name = sql.Identifier(urlsplit(url).path.strip("/"))
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
