"""Evidence: a clerk deposits an original by choice; a court that holds the file learns when, by whom, and proves it."""

import json
import secrets
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Page, Request, expect

from tests.e2e.browser.actions import (
    FINAL_WITHIN,
    bring,
    button,
    card,
    drop,
    numbers,
    open_record,
    outcome_in,
    payloads,
    saved,
)
from tests.e2e.browser.visits import Visits
from tests.e2e.browser.wire import pieces_of, tapped
from tests.e2e.invoices import invoice
from tests.stack import Stack

UNCHANGED = "This file is unchanged since"


@dataclass(frozen=True, slots=True)
class Deposited:
    number: str
    file: bytes
    record: str  # its page's address


@pytest.fixture(scope="module")
def deposited(visit_before: Visits) -> Deposited:
    """An invoice whose original the clerk has deposited."""
    clerk, number = visit_before("clerk"), next(numbers)
    file = invoice(number)
    bring(clerk, {"invoice.xml": file})
    open_record(clerk, "invoice.xml")
    record = clerk.url
    clerk.get_by_role("link", name="Deposit as evidence").click()
    clerk.get_by_label("I have understood").check()
    button(clerk, "Deposit as evidence").click()
    expect(clerk.get_by_role("status").first).to_contain_text("The original is deposited as evidence")
    return Deposited(number, file, record)


def look_up(page: Page, file: bytes) -> None:
    page.goto("/evidence")
    drop(page, {"the file.xml": file})


# Depositing


def test_a_clerk_deposits_an_original_only_after_saying_that_it_is_for_ever(clerk: Page) -> None:
    bring(clerk, {"invoice.xml": invoice(next(numbers))})
    open_record(clerk, "invoice.xml")
    clerk.get_by_role("link", name="Deposit as evidence").click()
    expect(clerk.get_by_role("heading", name="will stand on the shared chain for ever")).to_be_visible()

    button(clerk, "Deposit as evidence").click()  # The browser itself asks for the tick.
    expect(clerk.get_by_role("heading", name="Deposit the original as evidence?")).to_be_visible()
    clerk.get_by_role("link", name="Do not deposit").click()
    expect(card(clerk, "Original file").get_by_role("link", name="Deposit as evidence")).to_be_visible()
    clerk.get_by_role("link", name="Deposit as evidence").click()
    clerk.get_by_label("I have understood").check()
    button(clerk, "Deposit as evidence").click()

    expect(card(clerk, "Original file")).to_contain_text("deposited")
    expect(card(clerk, "Original file").get_by_role("link", name="Deposit as evidence")).to_have_count(0)


def test_a_bank_deposits_a_file_that_is_in_no_pool(bank: Page) -> None:
    file = secrets.token_bytes(1000)
    look_up(bank, file)
    bank.get_by_label("I have understood").check()
    button(bank, "Deposit as evidence").click()
    expect(bank.get_by_role("status").first).to_contain_text("Deposited.")

    look_up(bank, file)
    expect(bank.get_by_role("heading", name=UNCHANGED)).to_be_visible(timeout=FINAL_WITHIN)
    expect(card(bank, UNCHANGED)).to_contain_text("Meridian Bank deposited its fingerprint")


# Looking up


def test_a_court_checks_a_file_of_which_not_one_byte_leaves_its_computer(
    visit: Visits, stack: Stack, deposited: Deposited
) -> None:
    with tapped(stack.place.portal_port) as tap:
        visit.watch.hosts.add(tap.host)
        court = visit(base_url=tap.url)
        asked: list[Request] = []
        court.goto("/evidence")
        court.on("request", lambda request: asked.append(request))
        before = len(tap.sent)

        with court.expect_file_chooser() as chooser:
            court.get_by_text("Drop a file").click()
        chooser.value.set_files(payloads({"the invoice in question.xml": deposited.file}))
        expect(court.get_by_role("heading", name=UNCHANGED)).to_be_visible(timeout=FINAL_WITHIN)
        sent = tap.sent[before:]

    digest = sha256(deposited.file).hexdigest()
    posts = [request for request in asked if request.method == "POST"]
    assert posts
    for post in posts:
        body = parse_qs(post.post_data or "", strict_parsing=True)
        assert body.pop("csrfmiddlewaretoken")
        assert body == {"sha256": [digest]}
    assert all(request.post_data is None for request in asked if request not in posts)
    assert digest.encode() in sent
    assert pieces_of(deposited.file, within=sent) == 0
    assert b"question" not in sent  # Nor does its name leave.
    assert b"multipart" not in sent
    assert digest not in "".join(request.url for request in asked)


def test_the_tap_would_have_seen_a_file_on_the_wire(visit: Visits, stack: Stack) -> None:
    file = secrets.token_bytes(4000)
    with tapped(stack.place.portal_port) as tap:
        visit.watch.hosts.add(tap.host)
        stranger = visit(base_url=tap.url)
        stranger.goto("/verify")
        drop(stranger, {"proof.json": file})
        expect(stranger.get_by_role("alert")).to_contain_text("Not readable")
        assert pieces_of(file, within=tap.sent) == 4000 // 16


def test_what_a_court_saves_proves_the_deposit_offline_and_to_anybody(
    stranger: Page, deposited: Deposited, stack: Stack, tmp_path: Path
) -> None:
    look_up(stranger, deposited.file)
    expect(stranger.get_by_role("heading", name=UNCHANGED)).to_be_visible(timeout=FINAL_WITHIN)
    expect(card(stranger, UNCHANGED)).to_contain_text("Northwind Parts deposited its fingerprint as evidence")
    expect(stranger.locator(".steps .badge")).not_to_have_count(0)
    assert set(stranger.locator(".steps .badge").all_text_contents()) == {"proven"}
    proof, policy, file = tmp_path / "proof.json", tmp_path / "policy.txt", tmp_path / "invoice.xml"
    proof.write_bytes(saved(stranger, lambda: button(stranger, "Save the proof").click()))
    policy.write_bytes(saved(stranger, lambda: stranger.get_by_role("link", name="Save the trust policy").click()))
    file.write_bytes(deposited.file)

    arguments = ("verify", str(proof), "--policy", str(policy), "--file", str(file), "--json")
    verdict = json.loads(stack.audit_chain(*arguments).stdout)
    assert verdict["verdict"] == "verified"
    assert verdict["shows"]["member"] == "northwind-parts"
    file.write_bytes(deposited.file + b" ")
    assert stack.audit_chain(*arguments, check=False).returncode == 1

    stranger.goto("/verify")
    stranger.get_by_text("Compare it with the document, too").click()
    stranger.get_by_label("The document").set_input_files(payloads({"invoice.xml": deposited.file}))
    expect(stranger.get_by_label("Its fingerprint")).to_have_value(sha256(deposited.file).hexdigest())
    drop(stranger, {"proof.json": proof.read_bytes()})
    expect(stranger.get_by_role("heading", name=UNCHANGED)).to_be_visible()


def test_that_a_file_was_not_deposited_is_proven_offline_and_to_anybody(
    stranger: Page, deposited: Deposited, stack: Stack, tmp_path: Path
) -> None:
    look_up(stranger, deposited.file + b"\n")

    expect(stranger.get_by_role("heading", name="No deposit of this file as of")).to_be_visible()
    expect(stranger.get_by_text("differs by a single character")).to_be_visible()
    expect(stranger.get_by_role("button", name="Deposit")).to_have_count(0)
    proof, policy, file = tmp_path / "proof.json", tmp_path / "policy.txt", tmp_path / "invoice.xml"
    proof.write_bytes(saved(stranger, lambda: button(stranger, "Save the proof").click()))
    policy.write_bytes(saved(stranger, lambda: stranger.get_by_role("link", name="Save the trust policy").click()))
    file.write_bytes(deposited.file + b"\n")

    arguments = ("verify", str(proof), "--policy", str(policy), "--file", str(file), "--json")
    verdict = json.loads(stack.audit_chain(*arguments).stdout)
    assert verdict["verdict"] == "verified"
    assert verdict["shows"]["values"][f"evidence/{sha256(file.read_bytes()).hexdigest()}"] is None
    file.write_bytes(deposited.file)
    assert stack.audit_chain(*arguments, check=False).returncode == 1
    stranger.goto("/verify")
    drop(stranger, {"proof.json": proof.read_bytes()})
    expect(stranger.get_by_role("heading", name="No deposit of a file with this fingerprint as of")).to_be_visible()


def test_a_fingerprint_that_is_none_is_told_so(stranger: Page) -> None:
    stranger.goto("/evidence")
    stranger.get_by_label("Fingerprint (SHA-256)").fill("0123")
    button(stranger, "Look it up").click()
    expect(stranger.get_by_role("alert")).to_contain_text("64")


def test_a_record_that_was_only_imported_is_not_to_be_found_by_its_file(clerk: Page, stranger: Page) -> None:
    file = invoice(next(numbers))
    bring(clerk, {"invoice.xml": file})
    expect(outcome_in(clerk, "invoice.xml")).to_be_visible()

    look_up(stranger, file)
    expect(stranger.get_by_role("heading", name="No deposit of this file as of")).to_be_visible()
