"""People and their accounts: signing in, roles, invitations, tokens; by keyboard alone, and without JavaScript."""

import re
import secrets

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser.actions import (
    FINAL_WITHIN,
    bring,
    button,
    card,
    numbers,
    payloads,
    row,
    sign_in,
    wait_until_final,
)
from tests.e2e.browser.visits import PEOPLE, Visits
from tests.e2e.invoices import invoice
from tests.stack import Stack

ALLOWED_FAILURES = 8  # of one address, before it has to wait


# Signing in


def test_who_is_asked_to_sign_in_gets_to_the_page_they_wanted(stranger: Page, stack: Stack) -> None:
    stranger.goto("/imports")
    expect(stranger.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(stranger, PEOPLE["clerk"], stack.sign_in(PEOPLE["clerk"]).password)

    stranger.wait_for_url("**/imports")
    stranger.get_by_text("Northwind Parts").first.click()
    expect(stranger.get_by_text("Staff of Northwind Parts")).to_be_visible()
    stranger.get_by_role("button", name="Sign out").click()
    expect(stranger.get_by_role("link", name="Sign in").first).to_be_visible()
    stranger.goto("/imports")
    expect(stranger.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_wrong_password_is_told_without_saying_whether_the_account_exists(stranger: Page) -> None:
    stranger.goto("/sign-in")
    for email in (PEOPLE["viewer"], f"{secrets.token_hex(4)}@nowhere.example"):
        sign_in(stranger, email, "not the password")
        expect(stranger.get_by_role("alert")).to_contain_text("do not belong together")
        expect(stranger.get_by_label("E-mail address")).to_have_value(email)
        expect(stranger.get_by_label("Password")).to_have_value("")


def test_guessing_a_password_is_slowed_down(stranger: Page) -> None:
    email = f"{secrets.token_hex(4)}@nowhere.example"
    stranger.goto("/sign-in")
    for guess in range(ALLOWED_FAILURES):
        sign_in(stranger, email, f"guess {guess}")
        expect(stranger.get_by_role("alert")).to_contain_text("do not belong together")
    sign_in(stranger, email, "one more guess")
    expect(stranger.get_by_role("alert")).to_contain_text(
        re.compile(r"Too many failed attempts. Try again in \d+ minutes")
    )


# Roles


def test_a_viewer_reads_and_searches_and_is_offered_nothing_else(visit: Visits) -> None:
    visit.watch.refusals.add(403)
    viewer = visit("viewer")
    viewer.goto("/")
    expect(viewer.get_by_role("link", name="Import")).to_have_count(0)
    viewer.get_by_role("navigation", name="Main").get_by_role("link", name="Records").click()
    viewer.locator("#found tbody").get_by_role("link").first.click()
    expect(viewer.get_by_role("link", name="Original file")).to_be_visible()
    for name in ("Share with proof", "New version", "Deposit as evidence", "This one replaces it"):
        expect(viewer.get_by_role("link", name=name)).to_have_count(0)
    expect(viewer.get_by_role("main").locator("form")).to_have_count(0)

    for address in ("/imports", f"{viewer.url}/share", f"{viewer.url}/deposit", "/tokens", "/members"):
        viewer.goto(address)
        expect(viewer.get_by_role("heading", name="Not with this role")).to_be_visible()
        expect(viewer.get_by_role("main").locator("form")).to_have_count(0)


def test_an_owner_invites_somebody_who_joins_as_what_they_were_invited(visit: Visits, owner: Page) -> None:
    email = f"ines.{secrets.token_hex(3)}@northwind-parts.example"
    owner.goto("/")
    owner.get_by_text("Northwind Parts").first.click()
    owner.get_by_role("link", name="Members").click()
    invite = card(owner, "Invite somebody")
    invite.get_by_label("E-mail address").fill(email)
    invite.get_by_label("Role").select_option("Viewer")
    invite.get_by_role("button").click()
    link = owner.locator("#link").inner_text()

    newcomer = visit()
    newcomer.goto(link)
    expect(newcomer.get_by_role("heading", name="Join Northwind Parts")).to_be_visible()
    newcomer.get_by_label("Your name").fill("Ines")
    newcomer.get_by_label("New password").fill("four quiet wooden notches")
    newcomer.get_by_label("The same again").fill("four quiet wooden notches")
    newcomer.get_by_role("button", name="Set password and join").click()
    expect(newcomer.get_by_role("status").first).to_contain_text("You are a member of Northwind Parts now.")
    expect(newcomer.get_by_role("link", name="Import")).to_have_count(0)
    owner.goto("/members")
    expect(owner.get_by_role("row", name=email)).to_contain_text("Ines")
    owner.get_by_role("button", name=f"Remove {email}").click()
    expect(owner.get_by_role("status").first).to_contain_text("is no member any more")
    visit.watch.refusals.add(403)
    newcomer.goto("/records")
    expect(newcomer.get_by_role("heading", name="You act for no organisation")).to_be_visible()


def test_a_token_is_shown_once_works_and_stops_when_revoked(owner: Page, stack: Stack) -> None:
    label = f"Bookkeeping {secrets.token_hex(3)}"
    owner.goto("/tokens")
    owner.get_by_label("What it is for").fill(label)
    owner.get_by_label("What it may do").select_option("Read")
    button(owner, "Make token").click()
    token = owner.locator("#token").inner_text()
    made = owner.get_by_role("row", name=label)
    expect(made).to_contain_text("in use")

    def status() -> int:
        records = f"{stack.portal_url}/api/v1/records"
        return httpx.get(records, headers={"Authorization": f"Bearer {token}"}, trust_env=False).status_code

    assert status() == 200
    owner.goto("/tokens")
    assert token not in owner.content()
    expect(made).to_contain_text("s ago")
    owner.get_by_role("button", name=f"Revoke {label}").click()
    expect(made).to_contain_text("revoked")
    assert status() == 401


# By keyboard alone


def tab_to(page: Page, name: str) -> None:
    """Presses Tab until the thing of that name has the focus, and sees that the focus is visible everywhere."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        assert focused.evaluate("it => getComputedStyle(it).outlineStyle") != "none"
        if focused.evaluate("it => (it.labels?.[0] ?? it).textContent.trim()").startswith(name):
            return
    pytest.fail(f"{name} is not to be reached by Tab")


def test_signing_in_and_importing_take_no_mouse(stranger: Page, stack: Stack) -> None:
    keys = stranger.keyboard
    stranger.goto("/")
    keys.press("Tab")
    expect(stranger.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    tab_to(stranger, "Sign in")
    keys.press("Enter")
    expect(stranger.get_by_label("E-mail address")).to_be_focused()
    keys.type(PEOPLE["clerk"])
    keys.press("Tab")
    keys.type(stack.sign_in(PEOPLE["clerk"]).password)
    keys.press("Enter")
    expect(stranger.get_by_role("heading", name="Northwind Parts")).to_be_visible()

    tab_to(stranger, "Import")
    keys.press("Enter")
    expect(stranger.get_by_role("heading", name="Import", exact=True)).to_be_visible()
    tab_to(stranger, "Drop files here")
    with stranger.expect_file_chooser() as chooser:
        keys.press("Space")
    chooser.value.set_files(payloads({"by hand.xml": invoice(next(numbers))}))
    tab_to(stranger, "Import")
    keys.press("Enter")
    wait_until_final(stranger)
    tab_to(stranger, "Open the record")
    keys.press("Enter")
    expect(stranger.get_by_role("heading", name="Invoice WEB")).to_be_visible()


def test_escape_closes_the_menu_and_gives_the_focus_back(clerk: Page) -> None:
    clerk.goto("/")
    tab_to(clerk, "Northwind Parts")
    clerk.keyboard.press("Enter")
    expect(clerk.get_by_role("button", name="Sign out")).to_be_visible()
    clerk.keyboard.press("Tab")
    clerk.keyboard.press("Escape")
    expect(clerk.get_by_role("button", name="Sign out")).to_be_hidden()
    assert clerk.locator(":focus").inner_text() == "Northwind Parts"


# Without JavaScript


def test_without_javascript_a_clerk_signs_in_imports_searches_and_shares(visit: Visits, stack: Stack) -> None:
    clerk, number = visit(java_script_enabled=False), next(numbers)
    clerk.goto("/records")
    sign_in(clerk, PEOPLE["clerk"], stack.sign_in(PEOPLE["clerk"]).password)
    clerk.wait_for_url("**/records")
    bring(clerk, {"invoice.xml": invoice(number)})
    expect(row(clerk, "invoice.xml")).to_be_visible()
    final = clerk.get_by_role("heading", name="All of it is in, and final")
    for _ in range(FINAL_WITHIN // 500):
        clerk.reload()
        if final.is_visible():
            break
    clerk.goto("/records")
    clerk.get_by_label("Number or partner").fill(number)
    clerk.get_by_role("button", name="Search").click()
    expect(clerk.locator("#found tbody tr")).to_have_count(1)
    row(clerk, number).get_by_role("link").click()
    expect(clerk.locator(".stick .done")).to_have_count(4)
    clerk.get_by_role("link", name="All fields").click()
    expect(clerk.get_by_role("heading", name="Lines")).to_be_visible()
    clerk.get_by_role("link", name="Share with proof").click()
    clerk.get_by_role("link", name="Amount and due date").click()
    clerk.get_by_label("Who receives it").select_option("Meridian Bank (bank)")
    button(clerk, "Go on").click()
    button(clerk, "Share now").click()
    expect(clerk.get_by_role("heading", name=re.compile("These 4 fields are unchanged since"))).to_be_visible()


def test_without_javascript_anybody_verifies_and_looks_up(visit: Visits) -> None:
    visit.watch.refusals.add(400)
    stranger = visit(java_script_enabled=False)
    stranger.goto("/verify")
    stranger.get_by_label("Drop the proof").set_input_files(payloads({"proof.json": b"{}"}))
    button(stranger, "Verify").click()
    expect(stranger.get_by_role("alert")).to_contain_text("Not readable")
    stranger.goto("/evidence")
    stranger.get_by_label("Fingerprint (SHA-256)").fill(secrets.token_hex(32))
    button(stranger, "Look it up").click()
    expect(stranger.get_by_role("heading", name="No deposit of this file")).to_be_visible()
