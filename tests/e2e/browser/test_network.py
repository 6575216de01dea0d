"""The shared chain as people see it: blocks, entries and validators, and a regulator's view of the pools."""

import json

from playwright.sync_api import Page, expect

from audit_chain import canonical
from audit_chain.log.policy import TrustPolicy
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.merkle.hashing import leaf_hash
from tests.e2e.browser.actions import bring, button, card, numbers, row, saved, wait_until_final
from tests.e2e.browser.visits import Visits
from tests.e2e.invoices import invoice


def test_a_member_follows_the_chain_from_a_block_to_the_proof_of_an_entry(bank: Page) -> None:
    bank.goto("/")
    bank.get_by_role("link", name="Look closer").click()
    expect(card(bank, "Validators").locator("tbody tr")).to_have_count(4)
    expect(card(bank, "Validators").get_by_text("2 keys")).to_have_count(4)
    while (older := bank.get_by_role("link", name="Older")).count():
        older.click()
    card(bank, "Blocks").get_by_role("table").get_by_role("link").last.click()
    expect(card(bank, "Entries")).to_contain_text("Beginning of the network")
    bank.get_by_role("link", name="Next").click()
    bank.locator("tbody tr").first.get_by_role("link").click()
    expect(bank.get_by_role("heading", level=1)).to_be_visible()
    proof = TlogProof.parse(saved(bank, lambda: bank.get_by_role("link", name="Download the proof").click()))
    shown = canonical.encode(json.loads(card(bank, "As it stands on the chain").locator("pre").inner_text()))

    policy = TrustPolicy.parse(bank.request.get("/trust-policy.txt").body())
    assert policy.verify(proof.checkpoint).cosigned
    proof.verify(leaf_hash(shown))
    assert bank.url.endswith(f"/entries/{proof.index}")


def test_an_address_beyond_the_chain_is_answered_kindly(visit: Visits) -> None:
    visit.watch.refusals.add(404)
    bank = visit("bank")
    for address in ("/network/blocks/999999999", "/network/entries/999999999", "/network/blocks/99999999999999999999"):
        bank.goto(address)
        expect(bank.get_by_role("heading", name="There is nothing here")).to_be_visible()


def test_a_regulator_sees_every_pool_and_none_of_its_rows(clerk: Page, visit: Visits) -> None:
    number = next(numbers)
    bring(clerk, {"invoice.xml": invoice(number, buyer="Somebody AG")})
    wait_until_final(clerk)
    regulator = visit("regulator")
    regulator.goto("/")
    regulator.get_by_role("navigation", name="Main").get_by_role("link", name="Pools").click()

    pool = row(regulator, "northwind-parts")
    expect(pool).to_contain_text("Northwind Parts")
    expect(pool).to_contain_text("on time")
    expect(row(regulator, "atlas-motors")).to_be_visible()
    size = int(pool.locator(".num").inner_text().replace(",", ""))
    assert size > 1
    pool.get_by_role("link").click()
    expect(regulator.get_by_text(f"committed to its log of {size:,} entries")).to_be_visible()
    for text in (number, "Somebody", "119"):
        assert text not in regulator.content()
    visit.watch.refusals |= {403, 404}
    regulator.goto("/records")
    expect(regulator.get_by_role("main")).not_to_contain_text(number)
    assert button(regulator, "Search").count() == 0


def test_the_pools_page_is_the_regulators_alone(visit: Visits) -> None:
    visit.watch.refusals.add(404)
    for person in ("clerk", "bank"):
        page = visit(person)
        page.goto("/pools")
        expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
        expect(page.get_by_role("link", name="Pools")).to_have_count(0)
