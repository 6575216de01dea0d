"""The quickstart's commands, run as they stand there."""

import json
import re
import shlex
from pathlib import Path

from apps.launch.installation import BASE_DIR
from tests.stack import Stack

PYTHON = ".venv/bin/python "


def commands(page: str) -> list[list[str]]:
    """The arguments of each Python command of the page, in order."""
    lines = re.findall(r"^ {4}(\S.*)$", (BASE_DIR / "docs" / page).read_text(), re.MULTILINE)
    return [shlex.split(line.removeprefix(PYTHON)) for line in lines if line.startswith(PYTHON)]


def test_the_quickstarts_commands_lead_from_a_file_to_a_verdict(stack: Stack, tmp_path: Path) -> None:
    given, outputs = {"proof.json": str(tmp_path / "proof.json"), "policy.txt": str(tmp_path / "policy.txt")}, []
    for command in commands("quickstart.md"):
        program, *arguments = [given.get(part, part) for part in command]
        run = stack.manage if program == "manage.py" else stack.audit_chain
        outputs.append(run(*(arguments if program == "manage.py" else arguments[1:])).stdout)
        if "--json" in arguments:
            outcome = json.loads(outputs[-1])
            (only,) = outcome["accepted"] + outcome["duplicates"]
            given["RECORD"] = only["record"]
    assert any(output.startswith("VERIFIED.") for output in outputs)
    assert "sound" in outputs[-1]
