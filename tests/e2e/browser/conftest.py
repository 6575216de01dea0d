"""Chromium on the running network, and people who are signed in.

Each page is opened through `visit`, so none goes unwatched: see Watch.
"""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.browser.actions import PATIENCE
from tests.e2e.browser.visits import Sessions, Visits
from tests.stack import Stack

FLAGS = (
    "--no-sandbox",  # Tests run as root in containers, where Chromium has no other way.
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no Chromium on PATH; on Debian: apt-get install chromium")
    return found


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    """For a module and no longer: Playwright's event loop would be in the way of other tests in this process."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def sessions() -> Sessions:
    return {}


@pytest.fixture
def visit(browser: Browser, stack: Stack, sessions: Sessions) -> Iterator[Visits]:
    with Visits(browser, stack, sessions) as visits:
        yield visits
    assert visits.watch.offences == []


@pytest.fixture(scope="module")
def visit_before(browser: Browser, stack: Stack, sessions: Sessions) -> Iterator[Visits]:
    """As `visit`, for what happens once before the tests of a module."""
    with Visits(browser, stack, sessions) as visits:
        yield visits
    assert visits.watch.offences == []


@pytest.fixture
def owner(visit: Visits) -> Page:
    """Who decides on members and tokens of the supplier."""
    return visit("owner")


@pytest.fixture
def clerk(visit: Visits) -> Page:
    """Who imports, shares and deposits for the supplier."""
    return visit("clerk")


@pytest.fixture
def viewer(visit: Visits) -> Page:
    """Who may look at what the supplier has."""
    return visit("viewer")


@pytest.fixture
def bank(visit: Visits) -> Page:
    return visit("bank")


@pytest.fixture
def regulator(visit: Visits) -> Page:
    return visit("regulator")


@pytest.fixture
def stranger(visit: Visits) -> Page:
    """Anybody without an account, a court for instance."""
    return visit()
