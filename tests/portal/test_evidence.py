"""Looking a file up by its fingerprint, and depositing one."""

import secrets
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from django.http import HttpResponse

from apps.exchange.models import Deposit
from apps.network.beacon_api import Deposits
from apps.portal.templatetags import portal as tags
from audit_chain.proof.verifier import verify
from tests.api.cast import World
from tests.portal.people import HTMX, People, Person, text_of


@pytest.fixture
def digest() -> str:
    return secrets.token_hex(32)


def deposit(world: World, digest: str) -> None:
    world.chain.queue.append(world.network.deposit(bytes.fromhex(digest)))
    world.chain.make_block()


def moment(time: str) -> str:
    return text_of(HttpResponse(tags.moment(time)))


def look_up(person: Person, digest: str) -> str:
    return text_of(person.post("/evidence", {"sha256": digest}))


def test_that_nobody_deposited_a_file_is_proven(people: People, world: World, digest: str) -> None:
    deposit(world, secrets.token_hex(32))
    final = world.chain.block(world.chain.finality().epoch * world.network.slots_per_epoch).block

    text = look_up(people.anonymous, digest)
    proof = people.anonymous.post("/evidence/answer", {"sha256": digest})

    assert f"No deposit of this file as of {moment(final.time)}" in text
    assert f"Proven by the state of block {final.number}, which 4 independent institutions signed" in text
    verdict = verify(proof.content, world.network.policy, file_digest=bytes.fromhex(digest))
    assert verdict.verified
    assert "There is no deposit of this file" in verdict.sentence
    assert not verify(proof.content, world.network.policy, file_digest=secrets.token_bytes(32)).verified


def test_a_false_proof_that_there_is_no_deposit_is_not_passed_on_as_true(
    people: People, world: World, digest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deposit(world, digest)
    other = world.chain.lookup(secrets.token_hex(32)).sealed
    monkeypatch.setattr(world.chain, "lookup", lambda _: Deposits((), other))

    text = look_up(people.anonymous, digest)

    assert "The chain's proof of this does not hold" in text
    assert "No deposit of this file as of" not in text


def test_before_anything_is_final_the_answer_has_no_proof_yet(
    people: People, world: World, digest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.chain, "lookup", lambda _: Deposits((), None))

    text = look_up(people.anonymous, digest)

    assert "This file has not been deposited. " in text
    assert "There is no proof of this yet" in text
    assert people.anonymous.post("/evidence/answer", {"sha256": digest}).status_code == 409


def test_a_deposit_is_told_in_a_sentence_that_a_judge_can_quote(people: People, world: World, digest: str) -> None:
    deposit(world, digest)

    text = look_up(people.anonymous, digest)

    assert "This file is unchanged since" in text
    assert "Commercial court deposited its fingerprint as evidence" in text
    assert "The file is the one that was deposited" in text


def test_a_fingerprint_may_be_typed_as_people_type(people: People, world: World, digest: str) -> None:
    deposit(world, digest)
    typed = " ".join(digest.upper()[i : i + 4] for i in range(0, 64, 4))

    assert "This file is unchanged since" in look_up(people.anonymous, typed)


@pytest.mark.parametrize("typed", ["", "abc", "g" * 64, "0" * 65, "é" * 64])
def test_what_is_no_fingerprint_is_said_so(typed: str, people: People) -> None:
    response = people.anonymous.post("/evidence", {"sha256": typed})

    assert response.status_code == 400
    assert "A SHA-256 fingerprint has 64 digits" in text_of(response)


def test_the_proof_that_is_saved_verifies_offline(people: People, world: World, digest: str) -> None:
    deposit(world, digest)
    (found,) = world.chain.deposits(digest)

    response = people.anonymous.post("/evidence/proof", {"sha256": digest, "index": found.index})

    verdict = verify(response.content, world.network.policy, file_digest=bytes.fromhex(digest))
    assert verdict.verified
    assert digest not in response["Content-Disposition"]


@pytest.mark.parametrize("index", ["0", "-1", "x", "9" * 30, ""])
def test_a_proof_takes_the_fingerprint_and_its_own_entry(index: str, people: People, world: World, digest: str) -> None:
    deposit(world, digest)
    (found,) = world.chain.deposits(digest)

    assert people.anonymous.post("/evidence/proof", {"sha256": digest, "index": index}).status_code in (400, 404)
    other = people.anonymous.post("/evidence/proof", {"sha256": secrets.token_hex(32), "index": found.index})
    assert other.status_code == 404


def test_a_deposit_that_is_being_signed_is_asked_for_again(people: People, world: World, digest: str) -> None:
    world.chain.queue.append(world.network.deposit(bytes.fromhex(digest)))
    world.chain.make_block(final=False)

    response = people.anonymous.post("/evidence", {"sha256": digest}, headers=HTMX)

    assert "not final yet" in text_of(response)
    assert b'hx-trigger="load delay:1s, submit"' in response.content
    (found,) = world.chain.deposits(digest)
    assert people.anonymous.post("/evidence/proof", {"sha256": digest, "index": found.index}).status_code == 409
    world.chain.make_block()


def test_an_original_is_deposited_after_a_warning_only(people: People, world: World, record: UUID) -> None:
    page = f"/records/{record}/deposit"

    assert "will stand on the shared chain for ever" in text_of(people.staff.get(page))
    assert people.staff.post(page).status_code == 400
    assert not Deposit.objects.exists()

    people.staff.post(page, {"understood": "yes"})
    world.chain.make_block()
    digest = sha256(world.pool.original(record).data).hexdigest()
    assert "Northwind Parts deposited" in look_up(people.anonymous, digest)
    assert "deposited as evidence" in text_of(people.viewer.get(f"/records/{record}"))


def test_depositing_again_changes_nothing(people: People, world: World, record: UUID) -> None:
    for _ in range(2):
        people.staff.post(f"/records/{record}/deposit", {"understood": "yes"})
        world.chain.make_block()

    digest = sha256(world.pool.original(record).data).hexdigest()
    assert len(world.chain.deposits(digest)) == 1
    assert Deposit.objects.count() == 1


def test_a_member_without_a_pool_deposits_what_it_looked_up(people: People, world: World, digest: str) -> None:
    assert "Deposit it for Meridian Bank" in look_up(people.partner, digest)
    assert "Deposit it for" not in look_up(people.viewer, digest)

    assert people.partner.post("/evidence/deposit", {"sha256": digest}).status_code == 400
    people.partner.post("/evidence/deposit", {"sha256": digest, "understood": "yes"})
    world.chain.make_block()

    assert "Meridian Bank deposited" in look_up(people.anonymous, digest)


def test_every_deposit_of_a_file_is_listed(people: People, world: World, digest: str) -> None:
    deposit(world, digest)
    people.partner.post("/evidence/deposit", {"sha256": digest, "understood": "yes"})
    world.chain.make_block()

    text = look_up(people.anonymous, digest)

    assert "Deposited more than once" in text
    assert "Meridian Bank" in text


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/evidence", {"sha256": "0" * 64}),
        ("/evidence/proof", {"sha256": "0" * 64, "index": "1"}),
        ("/evidence/answer", {"sha256": "0" * 64}),
        ("/evidence/deposit", {"sha256": "0" * 64, "understood": "yes"}),
    ],
)
def test_without_the_chain_one_is_asked_to_try_later(
    path: str, form: dict[str, Any], people: People, world: World
) -> None:
    world.chain.reachable = False

    response = people.owner.post(path, form)

    assert response.status_code == 503
    assert "does not answer" in text_of(response)
    assert not Deposit.objects.exists()


def test_a_file_of_which_nobody_chose_so_is_never_asked_about(
    people: People, world: World, record: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(world.chain, "lookup", lambda digest: asked.append(digest) or Deposits((), None))

    for page in (f"/records/{record}", f"/records/{record}/fields", f"/records/{record}/deposit", "/records", "/"):
        people.owner.get(page)

    assert asked == []
