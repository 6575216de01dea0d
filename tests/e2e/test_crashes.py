"""`kill -9` while a thousand documents come in: each acknowledged one is there once and becomes final."""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import httpx
import psutil
import pytest

from apps.launch.programs import POSTGRES
from data_pool.pool import Pool
from data_pool.search import RecordQuery
from tests.e2e.enterprise import Enterprise
from tests.e2e.invoices import invoice, numbered
from tests.stack import Stack, wait_until

DOCUMENTS = 1_000
FILES = 10  # in one upload
VALIDATORS = tuple(f"validator-{number}" for number in range(1, 5))
PROGRAMS = ("portal", "worker", "beat", "beacon", "sequencer", "monitor", POSTGRES, *VALIDATORS)
KILLS = 11
MOMENT = 1.5  # seconds from the beginning of a round within which its victim dies
GIVE_UP = 90.0  # seconds without an answer
SETTLED_WITHIN = 120.0  # seconds


@dataclass(slots=True)
class Import:
    """Uploads until each is acknowledged, as a program does that was told to bring documents in whatever happens."""

    enterprise: Enterprise
    acknowledged: dict[str, list[str]] = field(default_factory=dict)  # numbers of the documents, by import
    repeated: int = 0

    def bring(self, numbers: list[str]) -> None:
        files = [("files", (f"{number}.xml", invoice(number))) for number in numbers]
        deadline = time.monotonic() + GIVE_UP
        while True:
            answer = self._post(files)
            if answer is not None and answer.status_code == 202:
                self.acknowledged[answer.json()["id"]] = numbers
                return
            assert answer is None or answer.status_code >= 500, answer.text
            assert time.monotonic() < deadline, "the portal takes no upload any more"
            self.repeated += 1
            time.sleep(0.05)

    def _post(self, files: list[tuple[str, tuple[str, bytes]]]) -> httpx.Response | None:
        try:
            return self.enterprise.http.post("imports", files=files, timeout=30)
        except httpx.TransportError:
            return None

    @property
    def numbers(self) -> set[str]:
        return {number for numbers in self.acknowledged.values() for number in numbers}


def victims(draw: random.Random) -> list[str]:
    """One of every kind of program, and some more, in any order."""
    kinds = ["portal", "worker", "beat", "beacon", "sequencer", POSTGRES, draw.choice(VALIDATORS)]
    more = draw.choices(["portal", "worker", "beacon", "sequencer", *VALIDATORS], k=KILLS - len(kinds))
    return draw.sample(kinds + more, KILLS)


def kill_at_a_random_moment(stack: Stack, program: str, draw: random.Random) -> threading.Timer:
    """The timer that will kill the program, which runs now."""
    wait_until(lambda: stack.pid(program) != 0, within=60, what=f"{program} to run")
    timer = threading.Timer(draw.uniform(0, MOMENT), os.kill, (stack.pid(program), signal.SIGKILL))
    timer.start()
    return timer


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What a thousand documents and eleven kills have left."""

    enterprise: Enterprise
    pool: Pool
    sent: Import
    story: str
    """The seed and who was killed: enough to do it again."""


@pytest.fixture(scope="module")
def aftermath(stack: Stack, unlucky: Enterprise) -> Aftermath:
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(2**32))
    draw = random.Random(seed)
    chosen, sent = victims(draw), Import(unlucky)
    story = f"CRASH_SEED={seed}: {', '.join(chosen)}"
    numbers = list(islice(numbered("CRASH"), DOCUMENTS))
    rounds = [numbers[place::KILLS] for place in range(KILLS)]
    for program, round_of_numbers in zip(chosen, rounds, strict=True):
        timer = kill_at_a_random_moment(stack, program, draw)
        for first in range(0, len(round_of_numbers), FILES):
            sent.bring(round_of_numbers[first : first + FILES])
        timer.join()
    for program in PROGRAMS:
        wait_until(lambda: stack.pid(program) != 0, within=60, what=f"{program} to come back ({story})")  # noqa: B023
    stack.wait_until_healthy()
    pool = unlucky.pool()
    wait_until(lambda: not pool.has_staged(), within=SETTLED_WITHIN, what=f"every document to be read ({story})")
    wait_until(lambda: pool.status().settled, within=SETTLED_WITHIN, what=f"everything to be final ({story})")
    return Aftermath(unlucky, pool, sent, story)


def every_record(pool: Pool) -> Iterator[tuple[str, str]]:
    """Number and life of each record."""
    before: int | None = None
    while True:
        page = pool.search(RecordQuery(), before=before, limit=500)
        yield from ((summary.number, str(summary.life)) for summary in page.items)
        if page.next is None:
            return
        before = page.next


def test_every_acknowledged_document_is_there_once_and_final(
    aftermath: Aftermath, figure: Callable[[str, str], None]
) -> None:
    lives = list(every_record(aftermath.pool))
    times = Counter(number for number, _ in lives)

    assert len(aftermath.sent.numbers) == DOCUMENTS
    assert {number: times[number] for number in aftermath.sent.numbers if times[number] != 1} == {}, aftermath.story
    assert {life for number, life in lives if number in aftermath.sent.numbers} == {"final"}, aftermath.story
    figure("crashes", f"{aftermath.story}; {aftermath.sent.repeated} uploads repeated")


def test_every_acknowledged_import_tells_what_became_of_each_document(aftermath: Aftermath) -> None:
    for import_id, numbers in aftermath.sent.acknowledged.items():
        items = aftermath.enterprise.outcomes(import_id)
        assert [item["name"] for item in items] == [f"{number}.xml" for number in numbers], aftermath.story
        assert {item["outcome"] for item in items} <= {"accepted", "duplicate"}, aftermath.story


def test_what_is_stored_is_sound_after_the_crashes(stack: Stack, aftermath: Aftermath) -> None:
    done = stack.manage("fsck", "--json", check=False)
    problems = {name: report["problems"] for name, report in json.loads(done.stdout).items() if report["problems"]}
    assert problems == {}, aftermath.story
    assert done.returncode == 0


def test_no_killed_program_leaves_a_process_behind(stack: Stack, aftermath: Aftermath) -> None:
    """A worker's children die with it: none goes on beside the new worker's."""
    wait_until(lambda: not orphans(stack), within=30, what=f"orphans to end: {orphans(stack)}")


def orphans(stack: Stack) -> list[str]:
    """Processes of this network that no running program has started."""
    mine = str(stack.var_dir)
    running = {stack.pid(program) for program in PROGRAMS}
    left = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("VAR_DIR") != mine or "SUPERVISOR_PROCESS_NAME" not in process.environ():
                continue
            ancestry = {process.pid, *(parent.pid for parent in process.parents())}
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE and not ancestry & running:
                left.append(f"{process.pid}: {' '.join(process.cmdline())}")
        except (psutil.Error, OSError):
            continue
    return left
