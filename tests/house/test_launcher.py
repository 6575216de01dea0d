"""One command starts everything, one signal stops it, and no way of dying keeps the next start from working."""

import signal
import subprocess
import sys
from itertools import count

import httpx
import psutil
import pytest

from apps.launch.installation import BASE_DIR
from tests import database
from tests.stack import Stack, end, environment_of, launch, place_on_free_ports, wait_until

pytestmark = pytest.mark.xdist_group("launcher")
STOP_WITHIN = 20.0  # seconds
NUMBERS = count()


@pytest.fixture(scope="module")
def place():
    return place_on_free_ports(database.session_folder() / "launcher")


@pytest.fixture
def start(place):
    """Starts the network, again and again, and surely stops it."""
    launchers = []

    def start():
        output = database.session_folder() / f"launcher-{next(NUMBERS)}.out"
        launchers.append(launch(place, output))
        return launchers[-1], output

    yield start
    for launcher in launchers:
        end(launcher)
    run(place, "reset", "--yes")


def run(place, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "apps.launch", *arguments],
        cwd=BASE_DIR,
        env=environment_of(place),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def processes_of(place):
    found = []
    for process in psutil.process_iter():
        try:
            if str(place.var_dir) in " ".join((*process.cmdline(), process.environ().get("VAR_DIR", ""))):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_network_goes_on_after_being_killed_and_leaves_nothing_running_when_stopped(place, start):
    launcher, output = start()
    said = output.read_text()
    accounts = {line.split()[-2]: line.split()[-1] for line in said.splitlines() if "@" in line}
    assert "nora@northwind-parts.example" in accounts
    assert httpx.get(f"http://localhost:{place.portal_port}/").status_code == 200

    second = run(place)
    assert second.returncode == 1
    assert f"running already, started by process {launcher.pid}" in second.stderr

    launcher.send_signal(signal.SIGKILL)
    launcher.wait()
    assert len(processes_of(place)) > 8, "a killed launcher leaves its processes: that is what the next start is for"

    launcher, output = start()
    said = output.read_text()
    assert "had left processes running: stopped them" in said
    assert "First start" not in said
    assert {line.split()[-2]: line.split()[-1] for line in said.splitlines() if "@" in line} == accounts
    members = httpx.get(f"{place.beacon_url}/members").json()["members"]
    assert len(members) == 6

    stack = Stack(place)
    stack.wait_until_restarted("validator-2", stack.kill("validator-2"))
    told = "validator-2 had stopped and was started again"
    wait_until(lambda: told in output.read_text(), within=10, what="the launcher to say so")

    launcher.send_signal(signal.SIGINT)
    assert launcher.wait(STOP_WITHIN) == 0
    assert processes_of(place) == []

    refused = run(place, "reset")
    assert refused.returncode == 1
    assert "FORCE=1" in refused.stderr
    assert place.var_dir.exists()
    assert run(place, "reset", "--yes").returncode == 0
    assert not place.var_dir.exists()


def test_a_folder_that_is_no_network_is_never_deleted(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    refused = run(place_on_free_ports(tmp_path), "reset", "--yes")
    assert refused.returncode == 1
    assert (tmp_path / "thesis.tex").exists()
