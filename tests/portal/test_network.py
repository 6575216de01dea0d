"""The shared chain, as its members and a regulator look at it."""

import secrets

import pytest

from tests.api.cast import World
from tests.portal.people import People, text_of


def test_blocks_and_validators_are_listed(people: People, record: object) -> None:
    text = text_of(people.partner.get("/network"))

    assert "4 of 4" in text
    assert "final" in text
    assert "nothing signed yet" in text  # The first validator of this chain has not.
    assert "Meridian Bank" in text


def test_a_block_leads_to_its_neighbours(people: People, world: World) -> None:
    page = people.partner.get("/network/blocks/2").content.decode()

    assert "/network/blocks/1" in page
    assert "/network/blocks/3" in page


@pytest.mark.parametrize("path", ["blocks/0", "blocks/999999", "blocks/99999999999999999999", "entries/999999"])
def test_what_is_not_on_the_chain_is_not_there(path: str, people: People) -> None:
    assert people.partner.get(f"/network/{path}").status_code == 404


@pytest.mark.parametrize(
    ("type_", "sentence"),
    [
        ("genesis", "began with 4 validators"),
        ("member", "joined with its own key"),
        ("pool", "opened the pool northwind-parts"),
        ("crosslink", "What they say is not here"),
        ("evidence", "deposited the fingerprint of a file"),
        ("seal", "The block was closed on"),
    ],
)
def test_every_type_of_entry_is_told_in_a_sentence(
    type_: str, sentence: str, people: People, world: World, record: object
) -> None:
    world.chain.queue.append(world.network.deposit(secrets.token_bytes(32)))
    world.chain.make_block()
    size = world.network.store.head().tree_size
    index = next(number for number in range(size) if world.chain.entry(number).type == type_)

    assert sentence in text_of(people.partner.get(f"/network/entries/{index}"))


def test_the_proof_of_an_entry_is_a_file_that_others_read(people: People, record: object) -> None:
    response = people.partner.get("/network/entries/1/proof")

    assert response.content.startswith(b"c2sp.org/tlog-proof@v1\n")
    assert 'filename="entry-1.tlog-proof"' in response["Content-Disposition"]


def test_an_entry_that_is_being_signed_has_no_proof_yet(people: People, world: World) -> None:
    world.chain.queue.append(world.network.deposit(secrets.token_bytes(32)))
    world.chain.make_block(final=False)
    index = world.network.store.head().tree_size - 1

    assert people.partner.get(f"/network/entries/{index}/proof").status_code == 409
    world.chain.make_block()


def test_a_regulator_sees_how_much_and_when_and_nothing_else(people: People, world: World, record: object) -> None:
    text = text_of(people.regulator.get("/pools"))

    assert "northwind-parts Northwind Parts on time" in text
    assert str(world.pool.status().reach.final) in text
    for secret in ("API-", "Atlas", "Brake disc", "EUR"):
        assert secret not in text


@pytest.mark.parametrize("path", ["/network", "/network/blocks/1", "/network/entries/1", "/pools"])
def test_without_the_chain_its_pages_ask_to_try_later(path: str, people: People, world: World) -> None:
    world.chain.reachable = False

    response = people.regulator.get(path)

    assert response.status_code == 503
    assert "The shared chain does not answer" in text_of(response)


@pytest.mark.parametrize("path", ["/", "/records", "/imports", "/inbox", "/verify"])
def test_without_the_chain_work_goes_on(path: str, people: People, world: World, record: object) -> None:
    world.chain.reachable = False

    assert people.owner.get(path).status_code == 200
    assert people.owner.get(f"/records/{record}").status_code == 200
