"""Every page, looked at on a wide screen and on a narrow one, light and dark, and with the eyes of axe-core."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import resolve
from playwright.sync_api import Page, expect

from apps.portal.urls import urlpatterns
from audit_chain import canonical
from tests.e2e.browser.actions import bring, button, drop, numbers, open_record, payloads, saved, wait_until_final
from tests.e2e.browser.visits import Visits
from tests.e2e.invoices import invoice

NARROW, WIDE = {"width": 320, "height": 640}, {"width": 1280, "height": 800}
WORD = "Schiffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"  # where no line breaks
AXE = Axe().axe_script
MARKUP = "<img src=//elsewhere.example onerror=alert(1)><script>alert(2)</script>"
NOT_PAGES = {  # answers to forms, downloads, and parts of pages
    "alert-file", "bundle-file", "entry-proof", "evidence-answer", "evidence-deposit", "evidence-proof",
    "invitation-withdraw", "life", "live", "member-remove", "member-role", "offence-file", "organisation", "original",
    "policy", "pool-proof", "sign-out", "token-revoke",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Story:
    """What the pages have to show: an import with every outcome, a record with everything that can happen to one."""

    imported: str
    record: str
    older: str
    shared: str
    bundle: bytes
    file: bytes
    invitation: str


@pytest.fixture(scope="module")
def story(visit_before: Visits) -> Story:
    clerk, owner, number = visit_before("clerk"), visit_before("owner"), f"{next(numbers)}-{WORD}"
    texts = {"seller": f"{WORD} 莲花电子有限公司", "buyer": MARKUP, "item": WORD, "description": MARKUP, "note": WORD}
    file = invoice(number, **texts)
    files = {f"{WORD}.xml": file, "again.xml": file, "twin.xml": invoice(number, street="elsewhere", **texts)}
    bring(clerk, files | {f"{WORD} torn.xml": file[:-100]})
    wait_until_final(clerk)
    imported = clerk.url
    open_record(clerk, f"{WORD}.xml")
    older = clerk.url
    clerk.goto(imported)
    open_record(clerk, "twin.xml")
    record = clerk.url
    clerk.goto(f"{record}/share?preset=all")
    clerk.get_by_label("Who receives it").select_option("Meridian Bank (bank)")
    button(clerk, "Go on").click()
    button(clerk, "Share now").click()
    clerk.wait_for_url("**/bundles/*")
    bundle = saved(clerk, lambda: clerk.get_by_role("link", name="Download the proof").click())
    owner.goto("/members")
    owner.get_by_label("E-mail address").fill(f"{number[:20].lower()}@{'long-' * 10}name.example")
    button(owner, "Make invitation").click()
    return Story(imported, record, older, clerk.url, bundle, file, owner.locator("#link").inner_text())


Open = Callable[[Page, Story], object]


def at(address: str) -> Open:
    return lambda page, story: page.goto(address)


def share_confirmation(page: Page, story: Story) -> None:
    page.goto(f"{story.record}/share")
    page.get_by_label("Who receives it").select_option("Meridian Bank (bank)")
    button(page, "Go on").click()
    expect(page.get_by_role("heading", name="What they will read")).to_be_visible()


def chosen_files(page: Page, story: Story) -> None:
    page.goto("/imports")
    page.get_by_label("Drop files here").set_input_files(payloads({f"{WORD}.csv": b"a;b\n1;2\n", "b.xml": b""}))
    button(page, "Import").click()
    expect(page.get_by_role("heading", name="Which column is what?")).to_be_visible()


def verified(page: Page, story: Story) -> None:
    page.goto("/verify")
    drop(page, {"proof.json": story.bundle})
    expect(page.get_by_role("heading", name="How it was checked")).to_be_visible()


def refuted(page: Page, story: Story) -> None:
    page.goto("/verify")
    bundle = json.loads(story.bundle)
    bundle["checksum"] = hashlib.sha256(story.bundle).hexdigest()
    drop(page, {"proof.json": canonical.encode(bundle)})
    expect(page.get_by_role("heading", name="This proof does not hold.")).to_be_visible()


def unknown_file(page: Page, story: Story) -> None:
    page.goto("/evidence")
    drop(page, {"file.xml": story.file})
    expect(page.get_by_role("heading", name="No deposit of this file as of")).to_be_visible()


def found_nothing(page: Page, story: Story) -> None:
    page.goto("/records")
    page.get_by_label("Number or partner").fill("no such thing")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()


def failed_sign_in(page: Page, story: Story) -> None:
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill("pages@nowhere.example")
    page.get_by_label("Password").fill("wrong")
    button(page, "Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()


def open_menu(page: Page, story: Story) -> None:
    page.goto("/")
    page.get_by_role("banner").locator("summary").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def new_token(page: Page, story: Story) -> None:
    page.goto("/tokens")
    page.get_by_label("What it is for").fill(WORD[:60])
    button(page, "Make token").click()
    expect(page.locator("#token")).to_be_visible()


def searched(page: Page, story: Story) -> None:
    page.goto("/network")
    page.get_by_label("Find on the chain").fill("1")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("heading", name="3 places match")).to_be_visible()


PAGES: dict[str, tuple[str | None, Open]] = {  # by the name of the address, and what is special about it
    "overview: to a stranger": (None, at("/")),
    "sign-in": (None, at("/sign-in")),
    "sign-in: failed": (None, failed_sign_in),
    "verify": (None, at("/verify")),
    "verify: verified": (None, verified),
    "verify: refuted": (None, refuted),
    "evidence": (None, at("/evidence")),
    "evidence: unknown, to a member": ("clerk", unknown_file),
    "developers": (None, at("/developers")),
    "invitation": (None, lambda page, story: page.goto(story.invitation)),
    "overview": ("clerk", at("/")),
    "overview: menu open": ("owner", open_menu),
    "overview: to a bank": ("bank", at("/")),
    "overview: to a regulator": ("regulator", at("/")),
    "records": ("clerk", at("/records")),
    "records: none found": ("clerk", found_nothing),
    "record": ("clerk", lambda page, story: page.goto(story.record)),
    "record-fields": ("clerk", lambda page, story: page.goto(f"{story.record}/fields")),
    "record: to a viewer": ("viewer", lambda page, story: page.goto(story.record)),
    "share": ("clerk", lambda page, story: page.goto(f"{story.record}/share")),
    "share: to be confirmed": ("clerk", share_confirmation),
    "share: not allowed": ("viewer", lambda page, story: page.goto(f"{story.record}/share")),
    "deposit": ("clerk", lambda page, story: page.goto(f"{story.record}/deposit")),
    "replaces": (
        "clerk",
        lambda page, story: page.goto(f"{story.record}/replaces/{story.older.rpartition('/')[2]}"),
    ),
    "imports": ("clerk", at("/imports")),
    "imports: a table to be explained": ("clerk", chosen_files),
    "import": ("clerk", lambda page, story: page.goto(story.imported)),
    "inbox": ("bank", at("/inbox")),
    "inbox: empty": ("regulator", at("/inbox")),
    "given": ("clerk", at("/given")),
    "bundle": ("bank", lambda page, story: page.goto(story.shared)),
    "members": ("owner", at("/members")),
    "tokens": ("owner", at("/tokens")),
    "tokens: a new one": ("owner", new_token),
    "password": ("owner", at("/password")),
    "network": ("bank", at("/network")),
    "network-search": ("bank", searched),
    "epochs": ("bank", at("/network/epochs")),
    "epoch": ("bank", at("/network/epochs/1")),
    "blocks": ("bank", at("/network/blocks")),
    "validators": ("bank", at("/network/validators")),
    "validator": ("bank", at("/network/validators/meridian-bank")),
    "pool": ("bank", at("/network/pools/northwind-parts")),
    "motions": ("bank", at("/network/motions")),
    "offences": ("bank", at("/network/offences")),
    "block": ("bank", at("/network/blocks/2")),
    "entry": ("bank", at("/network/entries/0")),
    "pools": ("regulator", at("/pools")),
    "alerts": ("regulator", at("/alerts")),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_every_screen_and_everybody(name: str, visit: Visits, story: Story) -> None:
    person, open_page = PAGES[name]
    visit.watch.refusals |= {403} if name == "share: not allowed" else set()
    page = visit(person, viewport=NARROW)
    open_page(page, story)

    assert resolve(urlsplit(page.url).path, "apps.config.urls.portal").url_name == url_name(name)
    assert "Tallystick" in page.title()
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert sideways(page) == []
    assert complaints(page) == []
    page.emulate_media(color_scheme="dark")
    assert brightness(page) < 0.2
    assert complaints(page, only="color-contrast") == []
    page.set_viewport_size(WIDE)
    assert sideways(page) == []


def test_no_page_was_forgotten() -> None:
    assert {pattern.name for pattern in urlpatterns} == {url_name(name) for name in PAGES} | NOT_PAGES


def url_name(page: str) -> str:
    return page.partition(":")[0]


def sideways(page: Page) -> list[str]:
    """What makes the page wider than the screen; tables and the like may scroll by themselves."""
    return page.evaluate(
        """() => {
          const wide = document.documentElement.clientWidth;
          if (document.documentElement.scrollWidth <= wide) return [];
          const scrolls = (it) => it && (getComputedStyle(it).overflowX !== "visible" || scrolls(it.parentElement));
          return [...document.querySelectorAll("main *, header *, footer *")]
            .filter((it) => it.getBoundingClientRect().right > wide && !scrolls(it.parentElement))
            .map((it) => it.outerHTML.slice(0, 200));
        }"""
    )


def brightness(page: Page) -> float:
    """Of the page's ground, from 0 to 1."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue = (int(part) for part in re.findall(r"\d+", colour)[:3])
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 255


def complaints(page: Page, *, only: str | None = None) -> list[str]:
    """What axe-core calls serious or critical."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    options = {"resultTypes": ["violations"]} | ({"runOnly": [only]} if only else {})
    found = page.evaluate("options => axe.run(document, options)", options)["violations"]
    return [
        f"{one['id']}: {node['html'][:160]} - {node['failureSummary']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
