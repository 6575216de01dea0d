"""The page on which anybody verifies a proof."""

import json
import secrets
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from audit_chain import canonical
from audit_chain.log.policy import TrustPolicy
from audit_chain.proof.verifier import verify
from tests.api.cast import World
from tests.portal.people import HTMX, People, text_of


def drop(people: People, data: bytes, **form: str) -> Any:
    file = SimpleUploadedFile("proof.json", data, "application/json")
    return people.anonymous.post("/verify", {"bundle": file} | form)


def spoil(bundle: bytes) -> bytes:
    """The bundle with the hashes of its record path turned round, and a checksum that fits."""
    content = json.loads(bundle)
    content["record"]["paths"][0]["hashes"].reverse()
    del content["checksum"]
    return canonical.encode(content | {"checksum": sha256(canonical.encode(content)).hexdigest()})


def test_a_proof_is_read_in_words(people: People, world: World, record: UUID) -> None:
    text = text_of(drop(people, world.bundle(record, "number", "payable_amount", "currency")))

    assert "These 3 fields are unchanged since" in text
    assert "in a record of Northwind Parts" in text
    assert "5,355.00 EUR" in text
    assert "further fields stay hidden" in text
    assert "What this does not show" in text
    assert text.count("proven") == 10


def test_a_proof_that_does_not_hold_names_the_step(people: People, world: World, record: UUID) -> None:
    text = text_of(drop(people, spoil(world.bundle(record, "number", "currency"))))

    assert "This proof does not hold" in text
    assert "It fails at step 2" in text
    assert "not reached" in text
    assert "What it discloses" not in text


def test_the_document_is_compared_by_its_fingerprint(people: People, world: World, record: UUID) -> None:
    bundle = world.bundle(record, "number", "source.sha256")
    digest = sha256(world.pool.original(record).data).hexdigest()

    assert "the file you compared is the one it was made from" in text_of(drop(people, bundle, sha256=digest))
    assert "It fails at step 11" in text_of(drop(people, bundle, sha256="0" * 64))


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\xff\xfe", b"[" * 5000, b"not JSON", b'{"type":"tallystick-record-proof"}']
)
def test_what_is_no_proof_is_said_so(data: bytes, people: People) -> None:
    response = drop(people, data)

    assert response.status_code == 400
    assert "Not readable" in text_of(response)


def test_a_fingerprint_that_is_none_is_said_so(people: People, world: World, record: UUID) -> None:
    response = drop(people, world.bundle(record, "number"), sha256="abc")

    assert "A SHA-256 fingerprint has 64 digits" in text_of(response)


def test_no_file_is_said_so(people: People) -> None:
    assert "Choose the proof" in text_of(people.anonymous.post("/verify"))


def test_with_htmx_only_the_verdict_comes_back(people: People, world: World, record: UUID) -> None:
    file = SimpleUploadedFile("proof.json", world.bundle(record, "number"))

    response = people.anonymous.post("/verify", {"bundle": file}, headers=HTMX)

    assert b"<html" not in response.content
    assert "This field is unchanged since" in text_of(response)


def test_the_policy_that_is_handed_out_verifies_without_this_portal(people: People, world: World, record: UUID) -> None:
    policy = people.anonymous.get("/trust-policy.txt")

    assert verify(world.bundle(record, "number"), TrustPolicy.parse(policy.content)).verified


def test_whether_the_record_still_stands_is_said(people: People, world: World, record: UUID) -> None:
    text = text_of(drop(people, world.bundle(record, "number")))

    assert "This is the latest version and it is not void, as the pool stated on" in text


def test_a_proof_of_what_the_state_says_is_read_in_words(people: People, world: World, record: UUID) -> None:
    digest = secrets.token_hex(32)
    absent = people.anonymous.post("/evidence/answer", {"sha256": digest}).content

    text = text_of(drop(people, absent))
    assert "No deposit of a file with this fingerprint as of" in text
    assert "4 independent institutions signed the chain up to there" in text
    assert " ".join(digest[i : i + 4] for i in range(0, 64, 4)) in text
    assert "No deposit of this file as of" in text_of(drop(people, absent, sha256=digest))
    assert "It fails at step 6" in text_of(drop(people, absent, sha256="0" * 64))

    world.chain.queue.append(world.network.deposit(bytes.fromhex(digest)))
    world.chain.make_block()
    there = people.anonymous.post("/evidence/answer", {"sha256": digest}).content
    text = text_of(drop(people, there))
    assert "What the shared chain's state said on" in text
    assert "Deposited by Commercial court: the file with the fingerprint" in text


def test_a_proof_of_any_other_name_shows_its_value(people: People, world: World, record: UUID) -> None:
    proof = people.owner.get("/network/pools/northwind-parts/proof").content

    text = text_of(drop(people, proof))

    assert "pool/northwind-parts" in text
    assert '"suspended": false' in text


def test_a_spoiled_proof_of_the_state_names_the_step(people: People, world: World, record: UUID) -> None:
    proof = people.owner.get("/network/pools/northwind-parts/proof").content
    spoiled = proof.replace(rb"\"position\":0", rb"\"position\":1")
    assert spoiled != proof
    content = json.loads(spoiled)
    del content["checksum"]
    spoiled = canonical.encode(content | {"checksum": sha256(canonical.encode(content)).hexdigest()})

    text = text_of(drop(people, spoiled))

    assert "It fails at step 2" in text
    assert "What the state says" not in text
