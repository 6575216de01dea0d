"""Three fields of a record on their way: from the supplier's clerk to the bank, and on to anybody."""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from audit_chain import canonical
from audit_chain.records import disclosure
from tests.e2e.browser.actions import (
    bring,
    button,
    card,
    drop,
    numbers,
    open_record,
    saved,
    wait_until_final,
)
from tests.e2e.browser.visits import Visits
from tests.e2e.invoices import invoice
from tests.stack import Stack

SECRET = "Nobody else shall read this"
SHOWN = ("Number", "Due date", "Payable amount")


@dataclass(frozen=True, slots=True)
class Shared:
    """An invoice of which the clerk has shared three fields with the bank."""

    number: str
    record: str  # its page's path
    page: str  # the bundle's, as the clerk sees it
    bundle: bytes


@pytest.fixture(scope="module")
def shared(visit_before: Visits) -> Shared:
    clerk, number = visit_before("clerk"), next(numbers)
    bring(clerk, {"invoice.xml": invoice(number, note=SECRET)})
    wait_until_final(clerk)
    open_record(clerk, "invoice.xml")
    record = clerk.url
    choose_three(clerk)
    button(clerk, "Go on").click()
    button(clerk, "Share now").click()
    clerk.wait_for_url("**/bundles/*")
    bundle = saved(clerk, lambda: clerk.get_by_role("link", name="Download the proof").click())
    return Shared(number, record, clerk.url, bundle)


def choose_three(page: Page) -> None:
    page.get_by_role("link", name="Share with proof").click()
    page.get_by_label("Who receives it").select_option("Meridian Bank (bank)")
    page.get_by_role("link", name="Nothing yet").click()
    for field in SHOWN:
        page.get_by_role("checkbox", name=field).first.check()


# From the supplier to the bank


def test_a_clerk_shares_three_fields_after_reading_what_that_means(clerk: Page, shared: Shared) -> None:
    clerk.goto(shared.record)
    choose_three(clerk)
    expect(card(clerk, "What they may read")).to_contain_text("3 of ")
    button(clerk, "Go on").click()

    expect(clerk.get_by_role("heading", name="Share with Meridian Bank?")).to_be_visible()
    will_read = card(clerk, "What they will read")
    expect(will_read.get_by_role("term")).to_have_text(list(SHOWN), use_inner_text=True)
    expect(will_read).to_contain_text(shared.number)
    expect(clerk.get_by_text(SECRET)).to_have_count(0)
    button(clerk, "Change something").click()
    expect(clerk.get_by_role("checkbox", checked=True)).to_have_count(3)
    button(clerk, "Go on").click()
    button(clerk, "Share now").click()

    expect(clerk.get_by_role("status").first).to_contain_text("Shared with Meridian Bank. It is in their inbox now.")
    clerk.get_by_role("link", name="Given").click()
    expect(clerk.locator("tbody tr").first).to_contain_text("Meridian Bank")
    clerk.goto(shared.record)
    expect(card(clerk, "Who has seen what")).to_contain_text("Meridian Bank")
    expect(card(clerk, "Who has seen what")).to_contain_text("number, due date and payable amount")


def test_nothing_goes_out_without_a_recipient_and_a_field(visit: Visits, shared: Shared) -> None:
    visit.watch.refusals.add(400)
    clerk = visit("clerk")
    clerk.goto(shared.record)
    clerk.get_by_role("link", name="Share with proof").click()
    button(clerk, "Go on").click()  # The browser itself asks for the recipient.
    expect(clerk.get_by_role("heading", name=f"Share Invoice {shared.number}")).to_be_visible()
    clerk.get_by_label("Who receives it").select_option("Meridian Bank (bank)")
    clerk.get_by_role("link", name="Nothing yet").click()
    button(clerk, "Go on").click()

    expect(clerk.get_by_role("alert")).to_contain_text("Choose at least one field.")
    expect(clerk.get_by_label("Who receives it")).to_have_value("meridian-bank")


def test_the_bank_finds_it_reads_the_verdict_and_verifies_the_bundle_by_itself(
    bank: Page, shared: Shared, stack: Stack, tmp_path: Path
) -> None:
    bank.goto("/")
    bank.get_by_role("navigation", name="Main").get_by_role("link", name="Inbox").click()
    received = bank.locator("tbody tr").first
    expect(received).to_contain_text("Northwind Parts")
    expect(received).to_contain_text("new")
    expect(received).to_contain_text("verified")
    received.get_by_role("link").first.click()

    expect(bank.get_by_role("heading", name="These 3 fields are unchanged since")).to_be_visible()
    expect(bank.locator(".steps .badge")).to_have_text(["proven"] * 10)
    disclosed = card(bank, "What it discloses")
    expect(disclosed).to_contain_text(shared.number)
    expect(disclosed).to_contain_text("119.00")
    expect(disclosed).to_contain_text("further fields stay hidden")
    expect(bank.get_by_text(SECRET)).to_have_count(0)
    bundle, policy = tmp_path / "proof.json", tmp_path / "trust-policy.txt"
    bundle.write_bytes(saved(bank, lambda: bank.get_by_role("link", name="Download the proof").click()))
    policy.write_bytes(saved(bank, lambda: bank.get_by_role("main").get_by_role("link", name="trust policy").click()))
    verdict = json.loads(stack.audit_chain("verify", str(bundle), "--policy", str(policy), "--json").stdout)
    assert verdict["verdict"] == "verified"
    assert verdict["shows"]["fields"] == {"number": shared.number, "due_date": "2026-12-02", "payable_amount": 11900}
    bank.goto("/inbox")
    expect(bank.locator("tbody tr").first).not_to_contain_text("new")


def test_a_bundle_is_nobodys_business_but_its_parties(visit: Visits, shared: Shared) -> None:
    visit.watch.refusals.add(404)
    regulator = visit("regulator")
    for address in (shared.page, f"{shared.page}/file"):
        answer = regulator.goto(address)
        assert answer is not None
        assert answer.status == 404


# From the bank to anybody


def test_anybody_verifies_the_bundle_without_signing_in(stranger: Page, shared: Shared) -> None:
    stranger.goto("/")
    stranger.get_by_role("main").get_by_role("link", name="Verify a proof").click()
    drop(stranger, {"proof.json": shared.bundle})

    expect(stranger.get_by_role("heading", name="These 3 fields are unchanged since")).to_be_visible()
    expect(stranger.locator(".steps .badge")).to_have_text(["proven"] * 10)
    expect(card(stranger, "What it discloses")).to_contain_text(shared.number)
    expect(card(stranger, "Who signed").get_by_text("signed", exact=True)).not_to_have_count(0)
    expect(card(stranger, "What this does not show")).to_be_visible()


def test_anybody_sees_at_which_step_a_tampered_bundle_fails(stranger: Page, shared: Shared) -> None:
    stranger.goto("/verify")
    steps = stranger.locator(".steps > li")
    drop(stranger, {"cut.json": shared.bundle[:-20]})
    expect(stranger.get_by_role("alert")).to_contain_text("Not readable")

    drop(stranger, {"dearer.json": with_another_amount(shared.bundle, mend=False)})
    expect(stranger.get_by_role("heading", name="This proof does not hold.")).to_be_visible()
    expect(stranger.get_by_text("It fails at step 1")).to_be_visible()
    expect(steps.locator(".badge")).to_have_text(["fails"] + ["not reached"] * 9)
    drop(stranger, {"dearer, mended.json": with_another_amount(shared.bundle, mend=True)})
    expect(stranger.get_by_text("It fails at step 2")).to_be_visible()
    expect(steps.nth(1)).to_contain_text("The disclosed fields belong to the record")
    expect(steps.locator(".badge")).to_have_text(["proven", "fails"] + ["not reached"] * 8)
    expect(stranger.get_by_text("9,999.00")).to_have_count(0)  # Nothing of what it claims is repeated.


def with_another_amount(proof: bytes, *, mend: bool) -> bytes:
    """The bundle claiming 9,999.00 EUR; its checksum says so too where the forger mended it."""
    bundle = canonical.decode(proof)
    assert isinstance(bundle, dict)
    fields = [disclosure.parse(text) for text in bundle["disclosures"]]  # type: ignore[union-attr, arg-type]
    values = {one.name: 999_900 if one.name == "payable_amount" else one.value for one in fields}
    claimed = [disclosure.encode(one.salt, one.name, values[one.name]) for one in fields]
    forged = bundle | {"disclosures": claimed}
    if mend:
        del forged["checksum"]
        forged["checksum"] = sha256(canonical.encode(forged)).hexdigest()
    return canonical.encode(forged)
