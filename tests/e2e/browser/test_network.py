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
    tabs = bank.get_by_role("navigation", name="The shared chain")
    tabs.get_by_role("link", name="Validators").click()
    expect(bank.locator("tbody tr")).to_have_count(4)
    bank.get_by_role("link", name="Market Regulator").click()
    expect(card(bank, "Its votes")).to_contain_text("voted")
    expect(card(bank, "Keys")).to_contain_text("valid now")
    bank.goto("/network/blocks?before=2")
    bank.locator("tbody th a").last.click()
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


def test_the_picture_goes_on_by_itself_while_somebody_looks(bank: Page, clerk: Page) -> None:
    asked: list[str] = []
    bank.on("request", lambda request: asked.append(request.url) if "/network/live" in request.url else None)
    bank.emulate_media(reduced_motion="reduce")
    bank.goto("/network")
    drawing = bank.get_by_role("img", name="The shared chain and its pools, epoch by epoch")
    expect(drawing).to_have_count(1)
    newest = int(bank.locator("#newest").inner_text().replace(",", ""))
    bring(clerk, {"invoice.xml": invoice(next(numbers))})
    wait_until_final(clerk)

    expect(bank.locator("#newest")).not_to_have_text(f"{newest:,}")
    expect(bank.get_by_role("table").get_by_role("link", name="northwind-parts").first).to_be_visible()
    assert asked
    bank.get_by_role("button", name="Stop updating").click()
    expect(bank.get_by_role("button", name="Update again")).to_have_attribute("aria-pressed", "true")
    expect(bank.get_by_text("Stands still.")).to_be_visible()


def test_nothing_is_asked_for_while_nobody_looks(bank: Page) -> None:
    bank.goto("/network")
    with bank.expect_request("**/network/live*"):
        pass
    hide = 'Object.defineProperty(document, "visibilityState", {value: "%s", configurable: true});'
    tell = 'document.dispatchEvent(new Event("visibilitychange"))'
    with bank.expect_response("**/network/live*"):
        pass
    bank.evaluate(hide % "hidden" + tell)
    asked: list[str] = []
    bank.on("request", lambda request: asked.append(request.url))
    with bank.expect_console_message(lambda message: message.text == "later"):
        bank.evaluate('setTimeout(() => console.info("later"), 5000)')  # twice as long as it waits otherwise
    assert asked == []
    with bank.expect_request("**/network/live*"):
        bank.evaluate(hide % "visible" + tell)


def test_the_picture_fits_a_telephone_and_has_a_table_beside_it(visit: Visits) -> None:
    bank = visit("bank", viewport={"width": 320, "height": 640})
    bank.goto("/network")

    drawing = bank.get_by_role("img", name="The shared chain and its pools, epoch by epoch")
    expect(drawing).to_have_count(1)  # The wide one is not there for anybody.
    box = drawing.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320
    epochs = drawing.locator(".number").all_text_contents()
    links = bank.get_by_role("table").locator("tbody th").all_text_contents()
    assert {number.replace(",", "") for number in links} >= set(epochs)


def test_one_box_finds_what_stands_on_the_chain(bank: Page) -> None:
    bank.goto("/network/blocks/1")
    root = bank.locator("dd.hash").inner_text()
    places = {root: "Block 1", "epoch 1": "Epoch 1", "chamber": "Chamber of trade", "1": "3 places match"}
    for query, heading in places.items():
        bank.goto("/network")
        bank.get_by_label("Find on the chain").fill(query)
        bank.get_by_role("button", name="Find").click()
        expect(bank.get_by_role("heading", level=1)).to_contain_text(heading)
        assert "query" not in bank.url


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
    pool.get_by_role("link", name="UTC").click()
    expect(regulator.get_by_text(f"committed to its log of {size:,} entries")).to_be_visible()
    for text in (number, "Somebody", "119"):
        assert text not in regulator.content()
    visit.watch.refusals |= {403, 404}
    regulator.goto("/records")
    expect(regulator.get_by_role("main")).not_to_contain_text(number)
    assert button(regulator, "Search").count() == 0


def test_the_pools_page_and_the_alerts_are_the_regulators_alone(visit: Visits) -> None:
    visit.watch.refusals.add(404)
    for person in ("clerk", "bank"):
        page = visit(person)
        for address in ("/pools", "/alerts"):
            page.goto(address)
            expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
        expect(page.get_by_role("link", name="Pools")).to_have_count(0)
        expect(page.get_by_role("link", name="Alerts")).to_have_count(0)
