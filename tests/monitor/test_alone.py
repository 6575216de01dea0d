"""`python -m apps.monitor`: the monitor on a machine of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from apps.monitor.__main__ import NOTHING, SOMETHING, UNABLE, main
from audit_chain.testing import NETWORK, VALIDATORS, ExampleNetwork
from tests.monitor.cast import Nodes, next_epoch, serving
from tests.nodes.processes import BASE_DIR, eventually, free_port


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Nodes]:
    chain = ExampleNetwork()
    next_epoch(chain, 5)
    with serving(Nodes(chain)) as nodes:
        (tmp_path / "network.json").write_bytes(nodes.network().render())
        yield nodes


def options(tmp_path: Path) -> list[str]:
    # The chain's time is not this machine's.
    patience = ["--silence", str(10**10), "--missing-crosslink", str(10**10)]
    return ["--network", str(tmp_path / "network.json"), "--state", str(tmp_path / "state"), *patience]


def test_one_look_at_a_healthy_network_says_nothing(
    served: Nodes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*options(tmp_path), "--once"]) == NOTHING
    assert capsys.readouterr().out == ""


def test_one_look_says_what_is_wrong_in_words(
    served: Nodes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served.problems[VALIDATORS[0]] = "stopped"
    served.silent.add(VALIDATORS[1])
    assert main([*options(tmp_path), "--once"]) == SOMETHING
    assert sorted(capsys.readouterr().out.splitlines()) == [
        f"validator-stopped: {VALIDATORS[0]} has stopped at entry 41 of the beacon's log; its status says why.",
        f"validator-unreachable: {VALIDATORS[1]} does not answer.",
    ]


def test_the_beacon_may_be_asked_at_another_address(
    served: Nodes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beacon = f"http://127.0.0.1:{free_port()}"
    assert main([*options(tmp_path), "--once", "--beacon", beacon]) == SOMETHING
    assert capsys.readouterr().out.startswith("beacon-silent: The beacon of tallystick.example")


def test_without_a_network_file_or_with_a_broken_memory_it_does_not_begin(
    served: Nodes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "memory.json").write_text("{")
    assert main([*options(tmp_path), "--once"]) == UNABLE
    (tmp_path / "network.json").unlink()
    assert main([*options(tmp_path), "--once"]) == UNABLE
    assert "network.json" in capsys.readouterr().err


def test_it_looks_again_and_again_and_answers_prometheus(served: Nodes, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "apps.monitor", *options(tmp_path), "--seconds", "0.1", "--metrics", str(port)]
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    process = subprocess.Popen(command, cwd=BASE_DIR, env=environment, stderr=subprocess.PIPE)
    try:
        scraped = eventually(lambda: process.poll() is not None or scrape(port, "tallystick_beacon_up 1.0"))
        assert process.poll() is None
        assert "tallystick_alert{" not in str(scraped)
        served.silent.add("beacon")
        eventually(lambda: scrape(port, f'tallystick_alert{{kind="beacon-silent",subject="{NETWORK}"}} 1.0'))
        served.silent.clear()
        eventually(lambda: (text := scrape(port, "tallystick_beacon_up 1.0")) and "tallystick_alert{" not in text)
        assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 404
    finally:
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=15)[1].decode()
    assert process.returncode == NOTHING
    assert "beacon-silent is over" in said
    assert "Traceback" not in said


def scrape(port: int, wanted: str) -> str:
    """The metrics, once they say so; empty before."""
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    except httpx.HTTPError:
        return ""
    return text if wanted in text else ""
