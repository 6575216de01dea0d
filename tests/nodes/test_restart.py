"""A beacon on which nothing becomes final any more goes on from its latest justified checkpoint under another key."""

import json
import os
from pathlib import Path

import psycopg
import pytest

from apps.beacon.fsck import check_beacon
from apps.network.beacon_client import BeaconClient
from apps.network.network_file import load
from audit_chain import canonical
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.encoding import to_base64
from audit_chain.log.note import Note
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.proof.finality import verify_finality
from data_pool.network import ProvenEntry
from tests.nodes.cast import Member, fresh_name
from tests.nodes.processes import NETWORK, Processes, eventually

pytestmark = pytest.mark.xdist_group("restart")


@pytest.fixture(scope="module")
def member(beacon: BeaconClient) -> Member:
    return Member(fresh_name("member")).register(beacon)


def deposit(beacon: BeaconClient, member: Member) -> str:
    digest = os.urandom(32)
    beacon.submit_evidence(member.deposit(digest))
    return digest.hex()


def is_final(beacon: BeaconClient, digest: str) -> bool:
    return any(one.final for one in beacon.deposits(digest))


def said(nodes: Processes, name: str, *arguments: str, status: int = 0) -> str:
    """What a command says, run beside the node of that name."""
    before = len(nodes.log(name)) if (nodes.var_dir / f"{name}.log").exists() else 0
    assert nodes.manage(name, *arguments).wait(60) == status, nodes.log(name)[before:]
    return nodes.log(name)[before:]


def verify(nodes: Processes, proven: ProvenEntry) -> str:
    """The origin of the finalized checkpoint that the entry is proven to stand under, by the network file as it is."""
    policy = load(nodes.var_dir / "network.json").policy()
    note = Note.parse(TlogProof.parse(proven.proof).checkpoint)
    sealed = SealedState.from_json(canonical.decode(proven.finality))
    return verify_finality(policy, note, sealed).checkpoint.origin


@pytest.fixture(scope="module")
def restarted(nodes: Processes, beacon: BeaconClient, member: Member, tmp_path_factory) -> tuple[str, str]:
    """The digests of a deposit that was final before the restart, and of one that was not."""
    earlier = deposit(beacon, member)
    eventually(lambda: is_final(beacon, earlier))
    eventually(lambda: beacon.validators().waiting == 0)
    _, older, *_ = (epoch for epoch in beacon.epochs().epochs if epoch.finalized)
    for name in ("bank", "court"):
        nodes.kill(name)
    later = deposit(beacon, member)
    eventually(lambda: beacon.deposits(later))
    newest = beacon.blocks(limit=1).blocks[0].number
    eventually(lambda: beacon.blocks(limit=1).blocks[0].number > newest + 1)
    nodes.kill("sequencer")
    nodes.kill("beacon")
    nodes.start("bank", "court")

    folder: Path = tmp_path_factory.mktemp("ballots")
    motion = said(nodes, "beacon", "beacon_restart", "propose").strip().splitlines()[-1]
    (folder / "motion.json").write_text(motion)
    too_early = json.loads(motion) | {"size": older.size, "root": to_base64(older.root)}
    (folder / "early.json").write_bytes(canonical.encode(too_early))
    refusal = said(nodes, "bank", "governance", "vote", "--file", str(folder / "early.json"), status=1)
    assert "the log would go back behind what may be final" in refusal
    (folder / "unknown.json").write_bytes(canonical.encode(too_early | {"root": to_base64(bytes(32))}))
    refusal = said(nodes, "bank", "governance", "vote", "--file", str(folder / "unknown.json"), status=1)
    assert "has not replayed the log to that tree" in refusal
    ballots = []
    for name in ("bank", "regulator", "chamber"):
        text = said(nodes, name, "governance", "vote", "--file", str(folder / "motion.json"))
        ballots.append(folder / f"{name}.ballot")
        ballots[-1].write_text(text[text.index(f"{NETWORK}/ballot") :])
    too_few = said(nodes, "beacon", "beacon_restart", "apply", *map(str, ballots[:2]), status=1)
    assert "too few voted to restart" in too_few
    applied = said(nodes, "beacon", "beacon_restart", "apply", *map(str, ballots))
    assert f"restarted as {NETWORK}/beacon-1" in applied
    for name in nodes.validators:
        nodes.kill(name)
    nodes.start(*nodes.validators, "sequencer", "beacon")
    return earlier, later


def test_everything_becomes_final_again_under_the_next_origin(
    nodes: Processes, beacon: BeaconClient, member: Member, restarted: tuple[str, str]
) -> None:
    new = deposit(beacon, member)
    eventually(lambda: is_final(beacon, new))
    assert beacon.log.checkpoint().startswith(f"{NETWORK}/beacon-1\n".encode())


def test_what_was_not_final_got_a_place_again(beacon: BeaconClient, restarted: tuple[str, str]) -> None:
    _, later = restarted
    eventually(lambda: is_final(beacon, later))
    assert len(beacon.deposits(later)) == 1


def test_proofs_from_both_sides_hold_by_one_network_file(
    nodes: Processes, beacon: BeaconClient, restarted: tuple[str, str]
) -> None:
    origins = []
    for digest in restarted:
        eventually(lambda digest=digest: is_final(beacon, digest))
        proven = beacon.proof(beacon.deposits(digest)[0].index)
        assert proven
        origins.append(verify(nodes, proven))
    assert origins == [f"{NETWORK}/beacon", f"{NETWORK}/beacon-1"]


def test_votes_by_keys_that_a_validator_has_rotated_to_count(
    nodes: Processes, beacon: BeaconClient, member: Member, restarted: tuple[str, str]
) -> None:
    said(nodes, "bank", "rotate_keys")
    nodes.kill("bank")
    nodes.start("bank")
    nodes.kill("court")  # Without it three are left, all of whom are needed.
    digest = deposit(beacon, member)
    eventually(lambda: is_final(beacon, digest))
    (bank, *_) = beacon.validators().validators
    assert len(bank.key_sets) == 2
    proven = beacon.proof(beacon.deposits(digest)[0].index)
    assert proven
    assert verify(nodes, proven) == f"{NETWORK}/beacon-1"
    nodes.start("court")


def test_the_log_replays_to_the_states_that_its_seals_name(nodes: Processes, restarted: tuple[str, str]) -> None:
    assert "every root is the sealed one" in said(nodes, "beacon", "replay")
    boundary = nodes.beacon().epochs(limit=3).epochs[-1].size
    assert f"from tree size {boundary}" in said(nodes, "beacon", "replay", "--from", str(boundary))
    assert "no state of that size is kept" in said(nodes, "beacon", "replay", "--from", str(boundary + 1), status=1)


def test_what_was_dropped_is_kept_and_checked(
    nodes: Processes, beacon: BeaconClient, beacon_database: str, restarted: tuple[str, str]
) -> None:
    nodes.stop()
    network = load(nodes.var_dir / "network.json")
    with psycopg.connect(beacon_database, autocommit=True) as connection:
        report = check_beacon(connection, network)
        assert report.sound, report.problems
        assert report.counts["beacon_dropped_checkpoint"] > 0
        assert report.counts["beacon_dropped_entry"] > report.counts["beacon_dropped_checkpoint"]
        for table, column in (("beacon_dropped_entry", "entry"), ("beacon_dropped_checkpoint", "note")):
            flip = f"UPDATE {table} SET {column} = set_byte({column}, 40, get_byte({column}, 40) # 1)"
            connection.execute(flip)
            places = [problem.where for problem in check_beacon(connection, network).problems]
            connection.execute(flip)
            assert any(place.startswith("beacon_dropped") for place in places), table
