"""The Makefile explains itself, and the migrations are complete."""

import os
import re
import subprocess
import sys

import pytest

from apps.launch.installation import BASE_DIR


def test_make_alone_lists_every_command():
    said = subprocess.run(["make", "--no-print-directory"], cwd=BASE_DIR, capture_output=True, text=True, check=True)
    phony = re.search(r"^\.PHONY: (.*)$", (BASE_DIR / "Makefile").read_text(), re.MULTILINE)
    assert phony
    for command in phony.group(1).split():
        assert re.search(rf"make {command} +\w", said.stdout), f"make {command} is not explained"


@pytest.mark.parametrize("node", ["portal", "beacon", "validator"])
def test_no_model_has_changed_without_a_migration(node, make_database):
    settings = {
        "DJANGO_SETTINGS_MODULE": f"apps.config.settings.{node}",
        "VALIDATOR_NAME": "meridian-bank",
        "PORTAL_DATABASE_URL": make_database(),
        "BEACON_DATABASE_URL": make_database(),
    }
    outcome = subprocess.run(
        [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run", "--skip-checks"],
        cwd=BASE_DIR,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("node", ["portal", "beacon", "validator"])
def test_every_node_passes_djangos_own_checks(node):
    settings = {"DJANGO_SETTINGS_MODULE": f"apps.config.settings.{node}", "VALIDATOR_NAME": "meridian-bank"}
    outcome = subprocess.run(
        [sys.executable, "-W", "error", "manage.py", "check", "--fail-level", "WARNING"],
        cwd=BASE_DIR,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
