"""Programs in Go, other people's and small ones of our own around other people's packages, built as tests need them.

Each folder below `go/` is a module with pinned versions. A test that needs a program is skipped, with the reason, where
Go is missing or too old, or where the module's packages can be had neither from the cache nor from the network.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeAlias

import pytest

GoProgram: TypeAlias = Callable[[str, str], Path]
"""From a module below `go/` and a package to the path of the program."""

MODULES = Path(__file__).parent / "go"
OLDEST = (1, 24)  # what the go.mod files ask for
USUAL_PLACE = "/usr/local/go/bin/go"
WITHIN = 300.0  # seconds for downloading and compiling everything the first time


@cache
def go_command() -> str:
    """The go command; skips the test where there is none that is new enough."""
    found = shutil.which("go") or shutil.which(USUAL_PLACE)
    if found is None:
        pytest.skip(f"Go is not installed: no go on the PATH or at {USUAL_PLACE}")
    version = _run(found, ["env", "GOVERSION"], MODULES).stdout.strip()
    match = re.match(r"go(\d+)\.(\d+)", version)
    if match is None or tuple(map(int, match.groups())) < OLDEST:
        pytest.skip(f"Go is too old: {version or 'no version'}, expected {'.'.join(map(str, OLDEST))} or newer")
    return found


def build(module: str, package: str, folder: Path) -> Path:
    """The program of a package, compiled into the folder. The compiler's own cache makes the second time quick."""
    program = folder / package.rpartition("/")[2]
    if program.exists():
        return program
    command = go_command()
    packages = _run(command, ["list", "-deps", package], MODULES / module)
    if packages.returncode != 0:
        pytest.skip(f"modules of tests/interop/go/{module} cannot be had: {packages.stderr.strip()[-300:]}")
    outcome = _run(command, ["build", "-o", str(program), package], MODULES / module)
    if outcome.returncode != 0:
        raise AssertionError(f"{package} does not build:\n{outcome.stderr}")
    return program


def _run(command: str, arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "CGO_ENABLED": "0",
    }
    return subprocess.run(
        [command, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
