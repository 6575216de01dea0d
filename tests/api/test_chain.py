"""Evidence, the shared chain's head, and what a regulator sees of the pools."""

import secrets
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from apps.exchange import supervision
from apps.network.beacon_api import PoolCrosslink
from audit_chain.proof.verifier import verify
from audit_chain.testing import SUPPLIER, VALIDATORS
from tests.api.cast import PARTNER, Cast, World, error_of, pool_fork

# Evidence


def test_a_file_that_nobody_deposited_is_not_found(cast: Cast) -> None:
    digest = secrets.token_hex(32)
    answer = cast.anonymous.post("evidence/lookup", {"sha256": digest}).json()
    assert (answer["sha256"], answer["deposits"]) == (digest, [])


def test_that_nobody_deposited_a_file_is_proven_by_the_block_that_is_named(cast: Cast, world: World) -> None:
    digest = secrets.token_bytes(32)
    said = cast.anonymous.post("evidence/lookup", {"sha256": digest.hex()}).json()["final_state"]
    proof = cast.anonymous.post("evidence/answer", {"sha256": digest.hex()})

    assert said["time"] == world.chain.block(said["block"]).block.time
    verdict = verify(proof.content, world.network.policy, file_digest=digest)
    assert verdict.verified
    assert "There is no deposit of this file" in verdict.sentence


def test_a_deposit_is_found_by_whoever_has_the_file_and_proved_once_it_is_final(cast: Cast, world: World) -> None:
    file = secrets.token_bytes(100)
    digest = sha256(file).hexdigest()

    response = cast.partner.post("evidence", {"sha256": digest})
    assert response.status_code == 202
    assert (response.json()["sha256"], response.json()["member"]) == (digest, PARTNER)
    assert cast.anonymous.post("evidence/lookup", {"sha256": digest}).json()["deposits"] == []

    world.chain.make_block(final=False)
    (found,) = cast.anonymous.post("evidence/lookup", {"sha256": digest}).json()["deposits"]
    assert (found["member"], found["display_name"], found["final"]) == (PARTNER, "Meridian Bank", False)
    early = cast.anonymous.post("evidence/proof", {"sha256": digest, "index": found["index"]})
    assert (early.status_code, error_of(early)["code"]) == (409, "not_final_yet")

    world.chain.make_block()
    (found,) = cast.anonymous.post("evidence/lookup", {"sha256": digest}).json()["deposits"]
    assert found["final"]
    proof = cast.anonymous.post("evidence/proof", {"sha256": digest, "index": found["index"]})
    assert proof["Content-Type"] == "application/json"
    verdict = verify(proof.content, world.network.policy, file_digest=bytes.fromhex(digest))
    assert verdict.verified


def test_a_deposit_is_proved_to_nobody_who_lacks_the_digest(cast: Cast, world: World) -> None:
    digest = secrets.token_hex(32)
    cast.partner.post("evidence", {"sha256": digest})
    world.chain.make_block()
    (found,) = world.chain.deposits(digest)
    for sha256_, index in ((secrets.token_hex(32), found.index), (digest, found.index + 1), (digest, 0)):
        response = cast.anonymous.post("evidence/proof", {"sha256": sha256_, "index": index})
        assert (response.status_code, error_of(response)["code"]) == (404, "not_found")


def test_a_digest_may_be_pasted_as_people_write_it(cast: Cast) -> None:
    digest = secrets.token_hex(32)
    pasted = f" {digest[:8].upper()} {digest[8:]}\n"
    assert cast.anonymous.post("evidence/lookup", {"sha256": pasted}).json()["sha256"] == digest


def test_depositing_again_changes_nothing(cast: Cast, world: World) -> None:
    digest = secrets.token_hex(32)
    first = cast.staff.post("evidence", {"sha256": digest}).json()
    world.chain.make_block()
    assert cast.staff.post("evidence", {"sha256": digest}).json() == first
    world.chain.make_block()
    assert len(cast.anonymous.post("evidence/lookup", {"sha256": digest}).json()["deposits"]) == 1


def test_a_record_s_original_is_deposited_by_explicit_choice(cast: Cast, world: World) -> None:
    record = world.final_record()
    original = cast.viewer.get(f"records/{record}/original").content
    digest = sha256(original).hexdigest()
    assert cast.anonymous.post("evidence/lookup", {"sha256": digest}).json()["deposits"] == []

    response = cast.staff.post(f"records/{record}/deposit")

    assert (response.status_code, response.json()["sha256"]) == (202, digest)
    world.chain.make_block()
    (found,) = cast.anonymous.post("evidence/lookup", {"sha256": digest}).json()["deposits"]
    assert found["member"] == SUPPLIER


# The chain


def test_the_network_tells_its_head_and_its_validators(cast: Cast, world: World) -> None:
    world.final_record()
    answer = cast.stranger.get("network").json()
    assert answer["size"] == answer["head"]["size"] > answer["final_size"] > 0
    assert answer["waiting"] == 0
    assert answer["finalized_epoch"] < answer["justified_epoch"] <= answer["head"]["epoch"]
    assert answer["head"]["root"] == world.network.log.root(answer["size"]).hex()
    assert [validator["name"] for validator in answer["validators"]] == list(VALIDATORS)
    assert [validator["cosigned"] is None for validator in answer["validators"]] == [True, False, False, False]


def test_a_regulator_sees_how_much_and_when_and_no_row(cast: Cast, world: World) -> None:
    world.final_record()
    (pool,) = cast.regulator.get("pools").json()["items"]
    assert (pool["name"], pool["owner"], pool["owner_display_name"]) == (SUPPLIER, SUPPLIER, "Northwind Parts")
    assert pool["size"] == world.pool.status().entries
    assert pool["crosslink"]["final"]
    assert pool["lag"] >= 0


def test_a_pool_s_status_follows_its_newest_crosslink(
    cast: Cast, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def status() -> str:
        (pool,) = cast.regulator.get("pools").json()["items"]
        return str(pool["status"])

    world.final_record()
    assert status() == "on-time"
    monkeypatch.setattr(supervision, "QUIET_AFTER", timedelta(0))
    assert status() == "quiet"

    world.record()
    world.pool.seal()
    world.pool.anchor(world.witnesses, world.chain)
    world.chain.make_block(final=False)
    assert status() == "signing"
    world.chain.make_block()
    world.pool.follow(world.chain)


def test_a_pool_that_has_committed_to_nothing_is_empty(
    cast: Cast, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (known,) = world.chain.pools()
    nothing = PoolCrosslink(SUPPLIER, None, None, 0, b"", None, None, final=False)
    monkeypatch.setattr(world.chain, "pools", lambda: (replace(known, crosslink=nothing),))

    (pool,) = cast.regulator.get("pools").json()["items"]

    assert (pool["status"], pool["crosslink"], pool["lag"], pool["size"]) == ("empty", None, None, 0)


def test_a_suspended_pool_says_so_whatever_it_has_committed_to(
    cast: Cast, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (known,) = world.chain.pools()
    monkeypatch.setattr(world.chain, "pools", lambda: (replace(known, suspended=True),))

    (pool,) = cast.regulator.get("pools").json()["items"]

    assert pool["status"] == "suspended"
    assert len(pool["committee"]) == 4


def test_a_regulator_reads_alerts_and_takes_the_evidence(cast: Cast, world: World) -> None:
    alert = world.alert()

    (told,) = cast.regulator.get("alerts").json()["items"]
    file = cast.regulator.post("alerts/evidence", {"evidence": told["evidence"]})

    assert (told["kind"], told["subject"], told["cleared"]) == ("fork", alert.subject, None)
    assert file.content == pool_fork(world.network)
    assert cast.regulator.post("alerts/evidence", {"evidence": "0" * 64}).status_code == 404
