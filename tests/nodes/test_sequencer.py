"""The sequencer and the validators, killed, hung and restarted."""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from apps.network.beacon_client import BeaconClient
from apps.network.genesis import create
from apps.network.transport import ANSWER_SECONDS
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.note import Note
from tests.nodes.cast import Member, fresh_name
from tests.nodes.processes import Processes, eventually

pytestmark = pytest.mark.xdist_group("sequencer")


@pytest.fixture(scope="module")
def member(beacon: BeaconClient) -> Member:
    return Member(fresh_name("member")).register(beacon)


@pytest.fixture(autouse=True)
def everybody_is_back(nodes: Processes) -> Iterator[None]:
    """Each test leaves a network that is whole."""
    yield
    nodes.start_missing()
    beacon = nodes.beacon()
    eventually(lambda: beacon.validators().waiting == 0)


def deposit(beacon: BeaconClient, member: Member) -> str:
    """The digest of a file that was deposited just now."""
    digest = os.urandom(32)
    beacon.submit_evidence(member.deposit(digest))
    return digest.hex()


def is_final(beacon: BeaconClient, digest: str) -> bool:
    return any(one.final for one in beacon.deposits(digest))


def seconds_to_final(beacon: BeaconClient, member: Member) -> float:
    start = time.monotonic()
    digest = deposit(beacon, member)
    eventually(lambda: is_final(beacon, digest))
    return time.monotonic() - start


def published_size(beacon: BeaconClient) -> int:
    return LogCheckpoint.parse(Note.parse(beacon.log.checkpoint()).text).size


def test_a_sequencer_killed_at_any_moment_loses_and_repeats_nothing(
    nodes: Processes, beacon: BeaconClient, member: Member
) -> None:
    draw = random.Random(6)
    digests: list[str] = []
    for _ in range(6):
        digests += [deposit(beacon, member) for _ in range(draw.randrange(1, 12))]
        time.sleep(draw.uniform(0, 0.2))  # Nothing is waited for: this is the random moment.
        nodes.kill("sequencer")
        digests += [deposit(beacon, member) for _ in range(3)]
        nodes.start("sequencer")
    for digest in digests:
        eventually(lambda digest=digest: is_final(beacon, digest))
        assert len(beacon.deposits(digest)) == 1


def test_a_dead_validator_and_a_hanging_one_delay_nothing_they_are_not_needed_for(
    nodes: Processes, beacon: BeaconClient, member: Member
) -> None:
    nodes.pause("bank")
    try:
        assert seconds_to_final(beacon, member) < ANSWER_SECONDS
        assert seconds_to_final(beacon, member) < ANSWER_SECONDS
    finally:
        nodes.resume("bank")
    nodes.kill("court")
    assert seconds_to_final(beacon, member) < ANSWER_SECONDS
    nodes.start("court")
    eventually(lambda: len({one.cosigned.size for one in beacon.validators().validators if one.cosigned}) == 1)


def test_without_a_quorum_the_log_grows_and_nothing_is_final_until_it_is_back(
    nodes: Processes, beacon: BeaconClient, member: Member
) -> None:
    final = beacon.validators().final_size
    for name in ("bank", "court"):
        nodes.kill(name)
    digests = [deposit(beacon, member)]
    (waiting,) = eventually(lambda: beacon.deposits(digests[0]))
    digests.append(deposit(beacon, member))
    eventually(lambda: beacon.deposits(digests[1]))

    assert beacon.validators().final_size == published_size(beacon) == final
    assert beacon.proof(waiting.index) is None
    assert not any(is_final(beacon, digest) for digest in digests)

    nodes.start("bank")
    eventually(lambda: all(is_final(beacon, digest) for digest in digests))
    assert beacon.proof(waiting.index)


def test_a_second_sequencer_stands_by_and_takes_over(nodes: Processes, beacon: BeaconClient, member: Member) -> None:
    nodes.run_sequencer(name="standby")
    eventually(lambda: "standing by" in nodes.log("standby"))
    nodes.kill("sequencer")
    seconds_to_final(beacon, member)
    nodes.kill("standby")


def test_a_lost_connection_to_the_database_is_made_anew(
    nodes: Processes, beacon: BeaconClient, member: Member, beacon_database: str
) -> None:
    with psycopg.connect(beacon_database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = current_user AND pid <> pg_backend_pid()"
        )
    eventually(lambda: nodes.is_ready("beacon"))
    seconds_to_final(beacon, member)


def test_a_database_put_back_from_an_old_copy_is_not_written_to(
    nodes: Processes, beacon: BeaconClient, member: Member, beacon_database: str, postgres_url: str
) -> None:
    for name in ("sequencer", "beacon"):
        nodes.kill(name)
    name = conninfo_to_dict(beacon_database)["dbname"]
    copy = f"{name}_copy"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            [name],
        )
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(*map(sql.Identifier, (copy, name, name)))
        )
    try:
        nodes.start("sequencer", "beacon")
        seconds_to_final(beacon, member)
        nodes.kill("sequencer")
        old = {"BEACON_DATABASE_URL": beacon_database.replace(f"/{name}?", f"/{copy}?")}
        assert nodes.run_sequencer(name="forgetful", **old).wait(30) == 1
        assert "does not have" in nodes.log("forgetful")
        with psycopg.connect(old["BEACON_DATABASE_URL"]) as connection:
            connection.execute(
                "TRUNCATE log_entry, log_tile, log_seal, state_version, state_page, state_value,"
                " beacon_block, beacon_epoch, beacon_finality, beacon_cosignature"
            )
            connection.execute("UPDATE log_head SET next_index = 0, tree_size = 0, root = sha256('')")
        assert nodes.run_sequencer(name="emptied", **old).wait(30) == 1
        assert "does not have" in nodes.log("emptied")
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(copy)))


def test_a_quiet_beacon_shows_that_it_lives(nodes: Processes, beacon: BeaconClient) -> None:
    nodes.kill("sequencer")
    before = beacon.blocks(limit=1).blocks[0].number
    nodes.run_sequencer("--heartbeat=0.2")
    eventually(lambda: beacon.blocks(limit=1).blocks[0].number >= before + 3)
    nodes.kill("sequencer")
    newest = beacon.block(before + 1)
    assert [line.type for line in newest.entries] == ["seal"]


def test_a_beacon_without_its_sequencer_is_not_ready(nodes: Processes, beacon: BeaconClient) -> None:
    nodes.kill("sequencer")
    eventually(lambda: not nodes.is_ready("beacon"))
    nodes.start("sequencer")
    eventually(lambda: nodes.is_ready("beacon"))


def test_another_networks_sequencer_refuses_the_database(nodes: Processes, tmp_path: Path) -> None:
    create(tmp_path, network="other.example", beacon_url="http://x", validators=[("bank", "http://x")])
    nodes.kill("sequencer")
    other = {"VAR_DIR": str(tmp_path), "NETWORK_FILE": str(tmp_path / "network.json")}
    assert nodes.run_sequencer(name="foreign", **other).wait(30) == 1
    assert "another genesis" in nodes.log("foreign")


def test_a_key_that_is_not_the_networks_is_refused(nodes: Processes, tmp_path: Path) -> None:
    create(tmp_path, network="other.example", beacon_url="http://x", validators=[("bank", "http://x")])
    assert nodes.run_sequencer(name="foreign", VAR_DIR=str(tmp_path)).wait(30) == 1
    assert "is not the beacon key that the network file names" in nodes.log("foreign")
