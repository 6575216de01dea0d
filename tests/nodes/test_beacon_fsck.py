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
    "state_version",
    "state_page",
    "state_value",
    "beacon_block",
    "beacon_epoch",
    "beacon_finality",
    "beacon_cosignature",
    "beacon_dropped_entry",
    "beacon_dropped_checkpoint",
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
    eventually(lambda: beacon.validators().waiting == 0)
    eventually(lambda: len({one.last_epoch for one in beacon.validators().validators}) == 1)
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
        try:
            connection.execute(change)
            yield
        finally:
            connection.execute(f"DELETE FROM {table}")
            connection.execute(f"INSERT INTO {table} SELECT * FROM before")
            connection.execute("DROP TABLE before")


def test_a_beacon_as_it_was_written_is_sound(nodes: Processes, at_rest: str) -> None:
    report = check(at_rest, nodes.network)
    assert report.sound, report.problems
    empty = {"beacon_dropped_entry", "beacon_dropped_checkpoint"}
    assert {table for table, rows in report.counts.items() if rows} == {*TABLES} - {
        "beacon_submission",
        "log_head",
    } - empty


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
    "a root": ("log_seal", f"UPDATE log_seal SET root = {FLIP.format(column='root')} WHERE size = 6", "log_seal 6"),
    "a time": ("log_seal", "UPDATE log_seal SET time = '2020-01-01T00:00:00Z' WHERE size = 6", "log_seal 6"),
    "a checkpoint": (
        "log_seal",
        f"UPDATE log_seal SET note = {FLIP.format(column='note')} WHERE size = 6",
        "log_seal 6",
    ),
    "state": (
        "state_value",
        f"UPDATE state_value SET data = {FLIP.format(column='data')} WHERE name = 'network'",
        "state_value network of version 6",
    ),
    "missing state": (
        "state_value",
        "DELETE FROM state_value WHERE name = 'validator/bank'",
        "state_value of version 6",
    ),
    "invented state": (
        "state_value",
        "INSERT INTO state_value VALUES ('pool', 'pool/x', 6, '{}')",
        "state_value pool/x of version 6",
    ),
    "a state's root": (
        "state_version",
        f"UPDATE state_version SET root = {FLIP.format(column='root')} WHERE version = 6",
        "state_version 6",
    ),
    "a missing version": (
        "state_version",
        "DELETE FROM state_version WHERE version = (SELECT min(version) FROM state_version WHERE version > 6)",
        "state_version",
    ),
    "an epoch's votes": (
        "beacon_epoch",
        "UPDATE beacon_epoch SET voted = voted + 1 WHERE number = 2",
        "beacon_epoch 2",
    ),
    "an epoch's voters": (
        "beacon_epoch",
        "UPDATE beacon_epoch SET voters = set_byte(voters, 0, get_byte(voters, 0) # 4) WHERE number = 2",
        "beacon_epoch 2",
    ),
    "a justified epoch": (
        "beacon_epoch",
        "UPDATE beacon_epoch SET justified = NOT justified WHERE number = 3",
        "beacon_epoch 3",
    ),
    "a proof of finality": (
        "beacon_finality",
        "UPDATE beacon_finality SET proof = overlay(proof placing 'A' from 300)"
        " WHERE epoch = (SELECT min(epoch) FROM beacon_finality)",
        "beacon_finality",
    ),
    "a finalized checkpoint": (
        "beacon_finality",
        "DELETE FROM beacon_finality WHERE epoch = (SELECT min(epoch) FROM beacon_finality)",
        "beacon_finality",
    ),
    "what nobody restarted": (
        "beacon_dropped_entry",
        "INSERT INTO beacon_dropped_entry (origin, index, entry) VALUES ('x/beacon', 7, '{}')",
        "beacon_dropped_entry",
    ),
    "a block's entries": ("beacon_block", "UPDATE beacon_block SET entries = 0 WHERE number = 0", "beacon_block 0"),
    "a block": ("beacon_block", "UPDATE beacon_block SET first = 1 WHERE number = 0", "beacon_block 0"),
    "finality undone": ("beacon_block", "UPDATE beacon_block SET final = false WHERE number = 2", "beacon_block 2"),
    "a cosignature": (
        "beacon_cosignature",
        "UPDATE beacon_cosignature SET line = overlay(line placing 'A' from 60) WHERE size = 6 AND validator = 'bank'",
        "beacon_cosignature 6 bank 4",
    ),
    "a cosignature's time": (
        "beacon_cosignature",
        "UPDATE beacon_cosignature SET signed_at = 1 WHERE size = 6 AND validator = 'court' AND kind = 6",
        "beacon_cosignature 6 court 6",
    ),
    "another's cosignature": (
        "beacon_cosignature",
        "UPDATE beacon_cosignature SET validator = 'mallory' WHERE size = 6 AND validator = 'court' AND kind = 6",
        "beacon_cosignature 6 mallory 6",
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
    assert report.problems[0].where.startswith(where), report.problems


def test_finality_that_nobody_signed_is_named(nodes: Processes, at_rest: str) -> None:
    with changed(at_rest, "beacon_cosignature", "DELETE FROM beacon_cosignature WHERE validator IN ('bank', 'court')"):
        report = check(at_rest, nodes.network)
    assert report.problems[0].where == "beacon_cosignature 6 bank 4"
    assert any(problem.where.startswith("beacon_finality") for problem in report.problems)


def test_the_first_checkpoint_over_a_wrong_entry_is_named(nodes: Processes, at_rest: str) -> None:
    with changed(at_rest, "log_entry", f"UPDATE log_entry SET data = {FLIP.format(column='data')} WHERE index = 0"):
        report = check(at_rest, nodes.network)
    assert report.problems[0].checkpoint == 6
