"""How long an entry takes from its submission to finality, on a network of real processes on this machine."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import median

import psutil

from apps.network.beacon_client import BeaconClient
from tests.bench.database import durable_server
from tests.nodes.cast import Member
from tests.nodes.processes import Processes

STARTED_AT_ONCE = 8
"""Validators; each takes about a second of processor time to begin."""

POLL = 0.05
"""Seconds between two questions whether an entry is final."""

FINAL_WITHIN = 120.0
"""Seconds after which something is wrong."""

ANSWER_SECONDS = 30.0
"""That the beacon may take for an answer while the machine is busy with validators."""


@dataclass(frozen=True, slots=True)
class Finality:
    """`seconds` of each entry from its submission over HTTP until the beacon says that it is final."""

    validators: int
    seconds: tuple[float, ...]
    work: float
    """Processor seconds of beacon, sequencer and validators for each entry, the answers to our questions included."""
    share: float
    """How much of the machine's processors was left to the network: 1 where nothing else ran."""
    memory: int
    """Bytes that the same processes hold for themselves alone."""

    @property
    def median(self) -> float:
        return median(self.seconds)


def measure_finality(validators: int, entries: int) -> Finality:
    """One entry after the other, each handed in when the one before is final and everything is at rest."""
    with running_network(validators) as network:
        beacon = network.beacon()
        member = Member("bench").register(beacon)
        nodes = psutil.Process().children()
        work_before, others_before = _work(nodes), _work_of_all() - _work(nodes)
        start = time.perf_counter()
        seconds = tuple(_seconds_to_finality(beacon, member, number) for number in range(entries))
        took = time.perf_counter() - start
        work = _work(nodes) - work_before
        others = _work_of_all() - _work(nodes) - others_before
        memory = sum(process.memory_full_info().uss for process in nodes)
        beacon.close()
    return Finality(validators, seconds, work / entries, 1 - others / took / psutil.cpu_count(), memory)


@dataclass(frozen=True, slots=True)
class RunningNetwork:
    processes: Processes
    database_url: str
    """Of the beacon's database."""

    def beacon(self) -> BeaconClient:
        return BeaconClient(self.processes.url("beacon"), answer_seconds=ANSWER_SECONDS)


@contextmanager
def running_network(validators: int) -> Iterator[RunningNetwork]:
    """A beacon with its sequencer, and each validator in a process of its own; `consortium`, both kinds of keys."""
    with durable_server() as make_database, tempfile.TemporaryDirectory(prefix="tallystick-bench-") as folder:
        names = [f"v{number}" for number in range(1, validators + 1)]
        database_url = make_database()
        processes = Processes(Path(folder), beacon_database=database_url, validators=names)
        try:
            _make_tables(processes)
            for start in range(0, validators, STARTED_AT_ONCE):
                processes.start(*names[start : start + STARTED_AT_ONCE])
            processes.start("sequencer", "beacon")
            yield RunningNetwork(processes, database_url)
        finally:
            processes.stop()


def _make_tables(processes: Processes) -> None:
    """Empty tables are the same for every validator, so one makes them for all."""
    first, *others = processes.validators
    processes.migrate("beacon", first)
    folder = processes.var_dir / "validators"
    for name in others:
        shutil.copy(folder / f"{first}.sqlite3", folder / f"{name}.sqlite3")


def _seconds_to_finality(beacon: BeaconClient, member: Member, number: int) -> float:
    digest = sha256(b"file %d" % number).digest()
    start = time.perf_counter()
    beacon.submit_evidence(member.deposit(digest))
    while not any(deposit.final for deposit in beacon.deposits(digest.hex())):
        if time.perf_counter() - start > FINAL_WITHIN:
            raise TimeoutError(f"entry {number} is not final after {FINAL_WITHIN:.0f} s")
        time.sleep(POLL)
    return time.perf_counter() - start


def _work(nodes: list[psutil.Process]) -> float:
    """Processor seconds of the processes since they began."""
    return sum(times.user + times.system for times in (process.cpu_times() for process in nodes))


def _work_of_all() -> float:
    """Processor seconds of everything on this machine since it began."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)
