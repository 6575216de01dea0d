"""docs/api.md: its commands, run one after the other against a whole network."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from apps.launch.installation import BASE_DIR
from tests.stack import Stack, environment_of

PAGE = BASE_DIR / "docs" / "api.md"


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="the page's commands need curl and jq")
def test_the_page_s_commands_run_as_they_stand(stack: Stack, tmp_path: Path) -> None:
    commands = "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    script = (
        commands.replace("http://localhost:8000", stack.portal_url)
        .replace(" manage.py ", f" {BASE_DIR}/manage.py ")
        .replace(".venv/bin/python", sys.executable)
        .replace("@apps/", f"@{BASE_DIR}/apps/")
        .replace("curl -s ", "curl -sS --fail-with-body --noproxy '*' ")
    )
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environment_of(stack.place) | {"PYTHONPATH": str(BASE_DIR)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    bundle = json.loads((tmp_path / "received.json").read_text())
    assert bundle["type"] == "tallystick-record-proof"
    assert (tmp_path / "received.json").read_bytes() == (tmp_path / "proof.json").read_bytes()
    assert (tmp_path / "original.json").read_bytes() == (tmp_path / "invoice.json").read_bytes()
