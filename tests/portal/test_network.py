"""The shared chain, as its members look at it: live, epoch by epoch, block by block, entry by entry."""

import re
import secrets
from dataclasses import replace

import pytest

from apps.network import beacon_api as api
from audit_chain.beacon.entries import Ballot, Rotation
from audit_chain.beacon.key_set import KeySet
from audit_chain.beacon.motion import Motion
from audit_chain.beacon.motion import Rotation as RotationText
from audit_chain.encoding import to_base64
from audit_chain.log.keys import CosignerEd25519
from audit_chain.merkle.hashing import leaf_hash
from audit_chain.testing import KEYS_FROM, KEYS_UNTIL, NETWORK, ed25519_key
from tests.api.cast import World
from tests.portal.people import HTMX, People, text_of

FORK = api.Alert(
    kind="fork",
    subject=f"{NETWORK}/beacon",
    since="2026-11-22T15:41:00Z",
    cleared=None,
    number=None,
    detail=f"{NETWORK}/beacon has two histories; the evidence file proves it.",
    evidence=None,
)


def deposited(world: World, *, final: bool = True) -> str:
    """The digest of a file that the court has just deposited."""
    digest = secrets.token_bytes(32)
    world.chain.queue.append(world.network.deposit(digest))
    world.chain.make_block(final=final)
    return digest.hex()


def page(people: People, path: str = "") -> str:
    return text_of(people.partner.get(f"/network{path}"))


# Now


def test_the_first_page_tells_where_the_chain_stands(people: People, world: World, record: object) -> None:
    state, newest = world.chain.validators(), world.chain.blocks(limit=1).blocks[0]

    text = page(people)

    assert f"final up to epoch {state.finalized_epoch} of {newest.epoch}" in text
    assert "all that was handed in is final" in text
    assert "4 of 4 " in text
    assert "northwind-parts" in text


def test_the_picture_draws_every_epoch_by_its_state_and_every_crosslink(
    people: People, world: World, record: object
) -> None:
    drawn = people.partner.get("/network").content.decode()
    wide = drawn[drawn.index('<svg class="picture wide"') :]
    wide = wide[: wide.index("</svg>")]
    epochs = world.chain.epochs(limit=14).epochs
    links = world.chain.crosslinks(first=epochs[-1].epoch, epochs=len(epochs))

    assert wide.count('<g class="epoch final">') == sum(epoch.finalized for epoch in epochs)
    assert wide.count('<path class="mark"') == sum(epoch.finalized for epoch in epochs)
    assert wide.count('<path class="half"') == sum(epoch.justified and not epoch.finalized for epoch in epochs)
    assert wide.count('<g class="peg ') == len({(link.pool, link.epoch) for link in links}) > 0
    assert f"Final up to epoch {world.chain.validators().finalized_epoch}" in wide


def test_who_has_seen_the_chain_as_it_is_gets_nothing_new(people: People, world: World, record: object) -> None:
    first = people.partner.get("/network/live", headers=HTMX)
    (seen,) = re.findall(r'data-seen="(\w+)"', first.content.decode())

    assert b"<html" not in first.content
    assert people.partner.get("/network/live", query_params={"seen": seen}, headers=HTMX).status_code == 204
    deposited(world, final=False)
    changed = people.partner.get("/network/live", query_params={"seen": seen}, headers=HTMX)
    assert changed.status_code == 200
    assert "1 on their way to final" in text_of(changed)
    world.chain.make_block()


def test_a_fork_is_news_although_no_block_comes(people: People, world: World, record: object) -> None:
    first = people.partner.get("/network/live", headers=HTMX)
    (seen,) = re.findall(r'data-seen="(\w+)"', first.content.decode())
    world.chain.found_by_monitor.append(FORK)

    answer = people.partner.get("/network/live", query_params={"seen": seen}, headers=HTMX)

    assert f"{NETWORK}/beacon has two histories" in text_of(answer)


@pytest.mark.parametrize("path", ["", "/epochs", "/blocks", "/validators", "/motions", "/offences"])
def test_a_fork_stands_on_top_of_the_explorer_s_lists(path: str, people: People, world: World) -> None:
    assert "two histories; the evidence" not in page(people, path)
    world.chain.found_by_monitor.append(FORK)

    assert "two histories; the evidence file proves it. Rely on what was final before 22 November 2026" in page(
        people, path
    )


def test_a_chain_without_two_thirds_says_that_it_waits_and_for_whom(people: People, world: World) -> None:
    network = world.network
    network.voters = network.validators[:2]
    try:
        deposited(world, final=False)
        for _ in range(12):
            network.seal()
        text = page(people)
    finally:
        network.voters = list(network.validators)
        world.chain.make_block()

    assert "Nothing has become final since epoch" in text
    assert "Missing: Commercial court and Chamber of trade" in text.replace(", Chamber", " and Chamber")
    assert "2 of 4" in text
    assert "50 %" in text


# Epochs and blocks


def test_epochs_are_listed_with_votes_and_the_pools_they_link(people: People, world: World, record: object) -> None:
    (link, *_) = world.chain.crosslinks(first=0, epochs=1000)
    epoch = world.chain.epoch(link.epoch).epoch

    text = page(people, f"/epochs?before={epoch.epoch + 1}")

    assert f"{epoch.epoch} final 100 % 4 of 4 northwind-parts" in text


def test_an_epoch_tells_who_signed_which_tree_and_its_committees(people: People, world: World, record: object) -> None:
    newest = world.chain.epochs(limit=2).epochs[1]

    text = page(people, f"/epochs/{newest.epoch}")

    assert f"the chain of {newest.size} entries" in text
    assert "Signed by Meridian Bank, Market Regulator, Commercial court, Chamber of trade" in text
    assert re.search(r"northwind-parts (no|entry \d+) all 4 validators", text)


def test_a_committee_that_the_state_has_forgotten_is_said_to_be(
    people: People, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = world.chain.epoch(0)
    forgotten = replace(found, committees=(api.PoolCommittee("northwind-parts", None),))
    monkeypatch.setattr(world.chain, "epoch", lambda _: forgotten)

    assert "northwind-parts no too long ago for the chain's state to tell" in page(people, "/epochs/0")


def test_a_block_leads_to_its_neighbours_and_the_newest_to_none_after_it(people: People, world: World) -> None:
    second = people.partner.get("/network/blocks/2").content.decode()
    newest = world.chain.blocks(limit=1).blocks[0].number
    last = people.partner.get(f"/network/blocks/{newest}").content.decode()

    assert '/network/blocks/1"' in second
    assert '/network/blocks/3"' in second
    assert f'/network/blocks/{newest - 1}"' in last
    assert f'/network/blocks/{newest + 1}"' not in last


@pytest.mark.parametrize(
    "path",
    [
        *("blocks/999999", "blocks/99999999999999999999", "entries/999999", "entries/99999999999999999999"),
        *("epochs/999999", "epochs/99999999999999999999", "validators/nobody", "pools/nothing", "pools/No-Name"),
        *("pools/nothing/proof", "offences/0/file", "offences/99999999999999999999/file"),
    ],
)
def test_what_is_not_on_the_chain_is_not_there(path: str, people: People) -> None:
    assert people.partner.get(f"/network/{path}").status_code == 404


# Entries


@pytest.mark.parametrize(
    ("type_", "sentence"),
    [
        ("genesis", "began with 4 validators"),
        ("validator", "Meridian Bank is one of the validators that founded the network, with weight 32"),
        ("member", "joined with its own key"),
        ("pool", "opened the pool northwind-parts"),
        ("crosslink", "What they say is not here"),
        ("attestation", "4 validators voted for the chain of"),
        ("evidence", "deposited the fingerprint of a file"),
        ("ballot", "said yes to this motion: the pool Northwind Parts is suspended"),
        ("rotation", "signs with new keys"),
        ("seal", "was closed on"),
    ],
)
def test_every_type_of_entry_is_told_in_a_sentence(
    type_: str, sentence: str, people: People, world: World, record: object
) -> None:
    voter = world.network.validators[0]
    if type_ == "ballot":
        content = {"kind": "pool", "name": "northwind-parts"}
        motion = Motion("suspend", world.network.epoch + 100, secrets.token_bytes(8), content)
        world.network.append(Ballot(voter.ballot(motion)).encode())
    if type_ == "rotation":
        key = CosignerEd25519(voter.ed25519.name, ed25519_key(900)).verifier_key
        rotation = RotationText(NETWORK, voter.name, KeySet((key,), KEYS_FROM, KEYS_UNTIL))
        world.network.append(Rotation(rotation.sign(voter.governance)).encode())
    deposited(world)
    size = world.network.store.head().tree_size
    index = next(number for number in range(size) if world.chain.entry(number).type == type_)

    assert sentence in page(people, f"/entries/{index}")


def test_votes_name_who_cast_them(people: People, world: World, record: object) -> None:
    size = world.network.store.head().tree_size
    index = next(number for number in range(size) if world.chain.entry(number).type == "attestation")

    text = page(people, f"/entries/{index}")

    assert "Who voted Meridian Bank, Market Regulator, Commercial court and Chamber of trade" in text


def test_the_proof_of_an_entry_is_a_file_that_others_read(people: People, record: object) -> None:
    response = people.partner.get("/network/entries/1/proof")

    assert response.content.startswith(b"c2sp.org/tlog-proof@v1\n")
    assert 'filename="entry-1.tlog-proof"' in response["Content-Disposition"]


def test_an_entry_that_is_being_signed_has_no_proof_yet(people: People, world: World) -> None:
    deposited(world, final=False)
    index = world.network.store.head().tree_size - 1

    assert people.partner.get(f"/network/entries/{index}/proof").status_code == 409
    world.chain.make_block()


# The search box


def find(people: People, query: str) -> str:
    """Where the search leads to, or what it says."""
    answer = people.partner.post("/network/search", {"query": query})
    return answer["Location"] if answer.status_code == 302 else text_of(answer)


def test_a_hash_leads_to_the_block_or_entry_that_has_it(people: People, world: World, record: object) -> None:
    block = world.chain.block(2).block
    (data,) = world.network.store.read_entries(1, 2)

    assert find(people, block.root.hex()) == "/network/blocks/2"
    assert find(people, to_base64(block.root)) == "/network/blocks/2"
    assert find(people, leaf_hash(data).hex().upper()) == "/network/entries/1"


def test_a_file_s_fingerprint_leads_to_its_deposit_and_stands_in_no_address(people: People, world: World) -> None:
    digest = deposited(world)
    (deposit,) = world.chain.deposits(digest)

    assert find(people, digest) == f"/network/entries/{deposit.index}"
    unknown = find(people, secrets.token_hex(32))
    assert "no file with this fingerprint was deposited" in unknown
    assert "Get the proof that it was not deposited" in unknown
    assert people.partner.get("/network/search", query_params={"query": digest}).status_code == 405


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("epoch 1", "/network/epochs/1"),
        ("Block 2", "/network/blocks/2"),
        ("entry #3", "/network/entries/3"),
        ("Chamber of trade", "/network/validators/chamber-of-trade"),
        ("no such thing", "Nothing matches"),
        ("", "Nothing matches"),
        ("epoch 99999999", "Nothing matches"),
        ("9" * 21, "Nothing matches"),
        ("é" * 300, "Nothing matches"),
    ],
)
def test_one_box_finds_by_number_and_by_name(query: str, place: str, people: People, record: object) -> None:
    assert place in find(people, query)


def test_what_may_mean_several_places_lists_them(people: People, record: object) -> None:
    assert "3 places match" in find(people, "1")
    several = find(people, "Northwind")
    assert "Pool northwind-parts" in several
    assert "Member since entry 5: Northwind Parts" in several
    assert "Validator Meridian Bank" in find(people, "meridian-bank")


@pytest.mark.parametrize(
    "path",
    [
        *("/network", "/network/live", "/network/epochs", "/network/epochs/1", "/network/blocks", "/network/blocks/1"),
        *("/network/entries/1", "/network/validators", "/network/validators/meridian-bank", "/network/motions"),
        *("/network/offences", "/network/pools/northwind-parts", "/pools", "/alerts"),
    ],
)
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
