"""`kill -9` on beacon, sequencer and validators while members hand things in: ten runs on one network.

The same as tests/simulator, with real processes, disks and sockets.
"""

import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256

import pytest

from apps.network.errors import NetworkError
from audit_chain.beacon.entries import Evidence, Seal, parse_entry
from audit_chain.beacon.slashing_protection import KeyHistory, SignedVote
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.note import Note
from audit_chain.merkle.hashing import leaf_hash
from audit_chain.merkle.memory_log import MemoryLog
from tests import database
from tests.nodes.cast import Member
from tests.nodes.processes import Processes, eventually

pytestmark = pytest.mark.xdist_group("beacon-crashes")

RUNS = 10
SEED = int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(2**32))
MOMENT = 0.4  # seconds from one kill to the next, at most


class Network:
    """A running beacon with its validators, a member who deposits files, and what was acknowledged."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self.beacon = processes.beacon()
        self.member = Member("northwind-parts")
        self.acknowledged: list[str] = []
        self.repeated = 0

    def deposit(self) -> None:
        """Hands a file in, again and again until that is acknowledged."""
        digest = os.urandom(32)

        def hand_in() -> bool:
            try:
                self.beacon.submit_evidence(self.member.deposit(digest))
            except NetworkError:
                self.repeated += 1
                time.sleep(0.02)
                return False
            return True

        eventually(hand_in)
        self.acknowledged.append(digest.hex())

    def _published(self, size: int) -> LogCheckpoint | None:
        checkpoint = LogCheckpoint.parse(Note.parse(self.beacon.log.checkpoint()).text)
        return checkpoint if checkpoint.size >= size else None

    def state_roots(self, validator: str) -> dict[int, bytes]:
        """Of each version of the state that the validator keeps."""
        return {int(version): root for version, root in self.rows(validator, "SELECT version, root FROM state_version")}

    def votes(self, validator: str) -> KeyHistory:
        rows = self.rows(validator, "SELECT target, source, signing_root FROM validator_signedvote WHERE NOT is_floor")
        return KeyHistory(tuple(sorted(SignedVote(target, source, root) for target, source, root in rows)))

    def rows(self, validator: str, query: str) -> list[tuple[int, ...]]:
        path = self.processes.var_dir / "validators" / f"{validator}.sqlite3"
        with closing(sqlite3.connect(path, timeout=10)) as store:
            return store.execute(query).fetchall()

    def log(self) -> tuple[list[bytes], LogCheckpoint]:
        """Every entry, as the log serves them, and its checkpoint: at least as far as any validator has come."""
        newest = max(size for validator in self.processes.validators for size in self.state_roots(validator))
        self.deposit()  # What is final is published; an idle network has nothing more to make final for a while.
        eventually(lambda: self.beacon.validators().waiting == 0)
        checkpoint = eventually(lambda: self._published(newest))
        bundles = range(-(-checkpoint.size // 256))
        return [one for index in bundles for one in self.beacon.log.bundle(index, size=checkpoint.size)], checkpoint


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Network]:
    with database.new_databases(postgres_url) as make_database:
        processes = Processes(tmp_path_factory.mktemp("crashes"), beacon_database=make_database())
        try:
            processes.migrate("beacon", *processes.validators)
            processes.start(*processes.validators, "sequencer", "beacon")
            network = Network(processes)
            network.member.register(network.beacon)
            yield network
            network.beacon.close()
        finally:
            processes.stop()


def kill_some(network: Network, draw: random.Random) -> list[str]:
    """One to three nodes are killed, one after the other at random moments; who was."""
    processes = network.processes
    victims = draw.sample([*processes.validators, "sequencer", "beacon"], draw.randint(1, 3))
    for victim in victims:
        time.sleep(draw.uniform(0, MOMENT))  # Nothing is waited for: this is the random moment.
        processes.kill(victim)
    return victims


@pytest.mark.parametrize("run", range(RUNS))
def test_what_was_acknowledged_while_nodes_were_killed_is_there_once_and_final(network: Network, run: int) -> None:
    draw = random.Random(f"{SEED} {run}")
    first, stopped = len(network.acknowledged), threading.Event()

    def keep_depositing() -> None:
        while not stopped.is_set():
            network.deposit()

    client = threading.Thread(target=keep_depositing)
    client.start()
    try:
        victims = kill_some(network, draw)
        network.processes.start_missing()
    finally:
        stopped.set()
        client.join()
    story = f"CRASH_SEED={SEED}, run {run}: {', '.join(victims)}"
    own = network.acknowledged[first:]
    assert own, story
    eventually(lambda: network.beacon.validators().waiting == 0, within=90)
    for digest in draw.sample(own, min(len(own), 20)):
        (deposit,) = network.beacon.deposits(digest)
        assert deposit.final, story


def test_every_acknowledged_deposit_stands_in_the_log_once(
    network: Network, figure: Callable[[str, str], None]
) -> None:
    entries, checkpoint = network.log()
    assert MemoryLog(map(leaf_hash, entries)).root() == checkpoint.root
    parsed = map(parse_entry, entries)
    digests = [entry.deposit.digest.hex() for entry in parsed if isinstance(entry, Evidence)]
    assert sorted(digests) == sorted(network.acknowledged), f"CRASH_SEED={SEED}"
    figure("beacon crashes", f"CRASH_SEED={SEED}: {len(digests)} deposits, {network.repeated} handed in again")


def test_all_nodes_have_the_state_that_the_seals_commit_to(network: Network) -> None:
    replay = network.processes.manage("beacon", "replay")
    assert replay.wait(60) == 0, network.processes.log("beacon")
    kept = {validator: network.state_roots(validator) for validator in network.processes.validators}
    entries, _ = network.log()
    for validator, roots in kept.items():
        assert roots, validator
        for size, root in roots.items():
            seal = parse_entry(entries[size - 1])
            assert isinstance(seal, Seal)
            assert seal.state == root, f"{validator} at {size}"


def test_no_validator_has_signed_anything_slashable(network: Network) -> None:
    histories = {validator: network.votes(validator) for validator in network.processes.validators}
    entries, checkpoint = network.log()
    tree = MemoryLog(map(leaf_hash, entries))
    for validator, history in histories.items():
        assert len(history.votes) > RUNS
        assert history.is_consistent, validator
        roots = {vote.signing_root for vote in history.votes}
        texts = (LogCheckpoint(checkpoint.origin, size, tree.root(size)).text() for size in range(1, len(entries) + 1))
        assert roots <= {signing_root(text) for text in texts}, f"{validator} voted for what is not in the log"
        assert not network.rows(validator, "SELECT 1 FROM validator_replica WHERE problem IS NOT NULL")


def signing_root(text: str) -> bytes:
    return sha256(text.encode()).digest()
