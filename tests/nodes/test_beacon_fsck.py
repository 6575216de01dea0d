"""fsck of a beacon names the row that is not as it was written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from apps.beacon.fsck import check_beacon
from apps.network.beacon_client import BeaconClient
from apps.network.committee import Committee
from apps.network.network_file import NetworkFile
from data_pool.findings import Report
from tests.nodes.cast import Member, Pool, fresh_name
from tests.nodes.processes import Processes, eventually

pytestmark = pytest.mark.xdist_group("fsck")

TABLES = (
    "log_entry",
    "log_tile",
    "log_head",
    "log_seal",
    "beacon_state",
    "beacon_block",
    "beacon_cosignature",
    "beacon_submission",
)


@pytest.fixture(scope="module")
def at_rest(nodes: Processes, beacon: BeaconClient, beacon_database: str) -> str:
    """The database of a beacon that has a member, a pool, crosslinks and evidence, all final, and then stopped."""
    committee = Committee.of(nodes.network)
    member = Member(fresh_name("member")).register(beacon)
    pool = Pool(fresh_name("pool")).register(beacon, member)
    for _ in range(3):
        pool.crosslink(beacon, committee)
        beacon.submit_evidence(member.deposit(os.urandom(32)))
        eventually(lambda: (found := beacon.crosslink(pool.name)) and found.size == pool.parent.size and found.final)
    eventually(lambda: beacon.validators().size == beacon.validators().final_size)
    eventually(lambda: len({one.cosigned.size for one in beacon.validators().validators if one.cosigned}) == 1)
    nodes.stop()
    return beacon_database


def check(database: str, network: NetworkFile) -> Report:
    with psycopg.connect(database) as connection:
        return check_beacon(connection, network)


@contextmanager
def changed(database: str, table: str, change: str) -> Iterator[None]:
    """The table with a change, and afterwards as it was."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE before AS TABLE {table}")
        connection.execute(change)
        yield
        connection.execute(f"DELETE FROM {table}")
        connection.execute(f"INSERT INTO {table} SELECT * FROM before")
        connection.execute("DROP TABLE before")


def test_a_beacon_as_it_was_written_is_sound(nodes: Processes, at_rest: str) -> None:
    report = check(at_rest, nodes.network)
    assert report.sound, report.problems
    assert set(report.counts) == {*TABLES} - {"beacon_submission", "log_head"}


FLIP = "set_byte({column}, 3, get_byte({column}, 3) # 1)"

CHANGES = {
    "an entry": (
        "log_entry",
        f"UPDATE log_entry SET data = {FLIP.format(column='data')} WHERE index = 4",
        "log_entry 4",
    ),
    "a missing entry": ("log_entry", "DELETE FROM log_entry WHERE index = 4", "log_entry 4"),
    "an entry too many": ("log_entry", "INSERT INTO log_entry SELECT max(index) + 1, 'x' FROM log_entry", "log_head"),
    "a tile": ("log_tile", f"UPDATE log_tile SET data = {FLIP.format(column='data')}", "log_tile 0/0"),
    "the head": ("log_head", f"UPDATE log_head SET root = {FLIP.format(column='root')}", "log_head"),
    "a root": ("log_seal", f"UPDATE log_seal SET root = {FLIP.format(column='root')} WHERE size = 2", "log_seal 2"),
    "a time": ("log_seal", "UPDATE log_seal SET time = '2020-01-01T00:00:00Z' WHERE size = 2", "log_seal 2"),
    "a checkpoint": (
        "log_seal",
        f"UPDATE log_seal SET note = {FLIP.format(column='note')} WHERE size = 2",
        "log_seal 2",
    ),
    "state": (
        "beacon_state",
        f"UPDATE beacon_state SET value = {FLIP.format(column='value')} WHERE key = 'slot'",
        "beacon_state slot",
    ),
    "missing state": ("beacon_state", "DELETE FROM beacon_state WHERE key = 'network'", "beacon_state network"),
    "invented state": ("beacon_state", "INSERT INTO beacon_state VALUES ('pool/x', '{}')", "beacon_state pool/x"),
    "a block": ("beacon_block", "UPDATE beacon_block SET first = first - 1 WHERE number = 2", "beacon_block 2"),
    "finality undone": ("beacon_block", "UPDATE beacon_block SET final = false WHERE number = 2", "beacon_block 2"),
    "a cosignature": (
        "beacon_cosignature",
        "UPDATE beacon_cosignature SET line = overlay(line placing 'A' from 60) WHERE size = 2 AND validator = 'bank'",
        "beacon_cosignature 2 bank 4",
    ),
    "a cosignature's time": (
        "beacon_cosignature",
        "UPDATE beacon_cosignature SET signed_at = 1 WHERE size = 2 AND validator = 'court' AND kind = 6",
        "beacon_cosignature 2 court 6",
    ),
    "another's cosignature": (
        "beacon_cosignature",
        "UPDATE beacon_cosignature SET validator = 'mallory' WHERE size = 2 AND validator = 'court' AND kind = 6",
        "beacon_cosignature 2 mallory 6",
    ),
    "a submission": (
        "beacon_submission",
        "INSERT INTO beacon_submission (id, entry, digest, arrived) VALUES (9, 'x', 'y', now())",
        "beacon_submission 9",
    ),
}


@pytest.mark.parametrize(("table", "change", "where"), CHANGES.values(), ids=CHANGES.keys())
def test_one_changed_row_is_named_first(nodes: Processes, at_rest: str, table: str, change: str, where: str) -> None:
    with changed(at_rest, table, change):
        report = check(at_rest, nodes.network)
    assert not report.sound
    assert report.problems[0].where == where, report.problems


def test_finality_that_nobody_signed_is_named(nodes: Processes, at_rest: str) -> None:
    with changed(at_rest, "beacon_cosignature", "DELETE FROM beacon_cosignature WHERE validator IN ('bank', 'court')"):
        report = check(at_rest, nodes.network)
    assert report.problems[0].where == "beacon_block 1"


def test_the_first_checkpoint_over_a_wrong_entry_is_named(nodes: Processes, at_rest: str) -> None:
    with changed(at_rest, "log_entry", f"UPDATE log_entry SET data = {FLIP.format(column='data')} WHERE index = 0"):
        report = check(at_rest, nodes.network)
    assert report.problems[0].checkpoint == 2
