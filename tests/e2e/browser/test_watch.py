"""The watch itself: what it must see, it sees."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser.visits import Sessions, Visits
from tests.stack import Stack

DEEDS = {
    "a broken content policy": (
        """() => { const script = document.createElement("script"); script.textContent = "1";
        document.body.append(script); }""",
        "Content Security Policy",
    ),
    "a style in an attribute": ("() => document.body.setAttribute('style', 'color: red')", "Content Security Policy"),
    "an error in a script": ("() => { setTimeout(() => missing()) }", "uncaught"),
    "a logged error": ("() => console.error('so it went')", "so it went"),
    "a missing file": ("() => fetch('/static/missing.css')", "404 for GET"),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_the_watch_sees(deed: str, browser: Browser, stack: Stack, sessions: Sessions) -> None:
    script, offence = DEEDS[deed]
    with Visits(browser, stack, sessions) as visits:
        page = visits()
        page.goto("/sign-in")
        page.evaluate(script)
        _settle(page)
    assert any(offence in seen for seen in visits.watch.offences), visits.watch.offences


def test_the_watch_sees_a_visit_to_another_host(browser: Browser, stack: Stack, sessions: Sessions) -> None:
    with Visits(browser, stack, sessions) as visits:
        visits().goto(f"{stack.beacon_url}/healthz")
    assert visits.watch.offences == [f"request to elsewhere: {stack.beacon_url}/healthz"]


def _settle(page: Page) -> None:
    """Whatever the page did has been told by the time that the next page is there."""
    page.wait_for_load_state("networkidle")
    page.goto("/verify")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
