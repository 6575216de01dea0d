"""Who takes part in the shared chain, what they decide, what they are caught at; and what a regulator is told."""

import secrets
from datetime import datetime

import pytest
from django.utils import timezone

from apps.portal import alerts as alert_words
from apps.portal.alerts import alert_view
from apps.portal.views import registry
from audit_chain.beacon.entries import Ballot
from audit_chain.beacon.motion import Motion
from audit_chain.proof.offence import verify_offence
from audit_chain.proof.verifier import verify
from audit_chain.testing import KEYS_UNTIL, SUPPLIER
from tests.api.cast import REGULATOR, World, pool_fork
from tests.portal.people import People, text_of


def page(people: People, path: str) -> str:
    return text_of(people.partner.get(f"/network/{path}"))


def carry(world: World, action: str, *, voters: int = 3, **content: str | int) -> None:
    """Ballots of so many validators for a new motion, in a block."""
    motion = Motion(action, world.network.epoch + 100, secrets.token_bytes(8), content)
    for validator in world.network.validators[:voters]:
        world.network.append(Ballot(validator.ballot(motion)).encode())
    world.chain.make_block()


# Validators and pools


def test_validators_are_listed_with_weight_votes_and_keys(people: People, world: World) -> None:
    text = page(people, "validators")

    state = world.chain.validators().validators[1]
    assert f"Market Regulator active 32 25 % 100 % {state.votes} of {state.epochs}" in text
    assert "Meridian Bank votes are missing" in text  # The first one has signed nothing on this chain.
    assert "nothing signed yet" in text
    assert "22 Nov 2028" in text


def test_keys_that_end_soon_say_so(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    left = (datetime.fromisoformat(KEYS_UNTIL) - timezone.now()).days
    assert "left" not in page(people, "validators")
    monkeypatch.setattr(registry, "ENDING", left + 1)
    assert f"{left} days left" in page(people, "validators")


def test_a_validator_s_page_tells_its_votes_epoch_by_epoch_and_every_key(people: People, world: World) -> None:
    newest = world.chain.epochs(limit=2).epochs
    keys = world.chain.validators().validators[2].key_sets[0].keys

    text = page(people, "validators/commercial-court")

    assert f"{newest[1].epoch} voted" in text
    assert "22 Nov 2026 to 22 Nov 2028 valid now" in text
    assert keys[0][:100] in text
    assert "missing" not in text
    world.network.voters = world.network.validators[:3]
    try:
        world.chain.make_block()
        assert "missing" in page(people, "validators/chamber-of-trade")
    finally:
        world.network.voters = list(world.network.validators)


def test_a_pool_s_page_tells_its_newest_crosslink_and_committee(people: People, world: World, record: object) -> None:
    link = world.chain.pool(SUPPLIER).crosslink

    text = page(people, f"pools/{SUPPLIER}")

    assert "The pool of Northwind Parts" in text
    assert f"{link.size} log entries, in entry {link.index}" in text
    assert "Committee now Meridian Bank, Market Regulator, Commercial court, Chamber of trade" in text


def test_what_the_state_says_of_a_pool_is_proven_to_strangers(people: People, world: World, record: object) -> None:
    answer = people.partner.get(f"/network/pools/{SUPPLIER}/proof")

    verdict = verify(answer.content, world.network.policy)
    assert verdict.verified
    assert verdict.finding.values[f"pool/{SUPPLIER}"]["suspended"] is False  # type: ignore[union-attr, index, call-overload]


def test_a_suspended_pool_says_so_everywhere(people: People, world: World, record: object) -> None:
    carry(world, "suspend", kind="pool", name=SUPPLIER)
    try:
        assert "suspended by the validators" in page(people, f"pools/{SUPPLIER}")
        assert "northwind-parts (suspended)" in text_of(people.partner.get("/network"))
        assert f"{SUPPLIER} Northwind Parts suspended" in text_of(people.regulator.get("/pools"))
    finally:
        carry(world, "resume", kind="pool", name=SUPPLIER)
    assert "suspended by" not in page(people, f"pools/{SUPPLIER}")


# Motions


def test_motions_tell_who_said_yes_and_whether_it_was_enough(people: People, world: World) -> None:
    carry(world, "suspend", voters=2, kind="member", name=REGULATOR)

    text = page(people, "motions")

    assert "The member Market Regulator is suspended open until epoch" in text
    assert "50 % Meridian Bank and Market Regulator" in text
    carry(world, "suspend", kind="member", name=REGULATOR)
    try:
        assert "The member Market Regulator is suspended carried entry" in page(people, "motions")
        assert "75 % Meridian Bank, Market Regulator and Commercial court" in page(people, "motions")
    finally:
        carry(world, "resume", kind="member", name=REGULATOR)
    assert "The member Market Regulator takes part again" in page(people, "motions")


def test_a_motion_to_change_a_number_is_told_in_words(people: People, world: World) -> None:
    carry(world, "parameter", voters=1, name="max_epochs_per_crosslink", value=8)

    assert "The network's number “max_epochs_per_crosslink” becomes 8" in page(people, "motions")


# Offences


def test_an_offence_is_listed_with_a_file_that_proves_it_offline(people: People, world: World) -> None:
    assert "Nobody was caught at anything" in page(people, "offences")
    index = world.catch_liar()

    text = page(people, "offences")
    file = people.partner.get(f"/network/offences/{index}/file")

    assert "Chamber of trade signed two histories of one log that exclude each other." in text
    assert "Market Regulator" in text
    assert "python -m audit_chain misbehaviour" in text
    assert f'filename="misbehaviour-{index}.json"' in file["Content-Disposition"]
    assert verify_offence(file.content, world.network.policy).offence.offender == "chamber-of-trade"
    assert "Chamber of trade signed two histories" in page(people, f"entries/{index}")
    assert "Reported by Market Regulator" in page(people, f"entries/{index}")
    assert "caught at an offence" in page(people, "validators/chamber-of-trade")


def test_an_entry_that_proves_nothing_has_no_such_file(people: People) -> None:
    assert people.partner.get("/network/offences/0/file").status_code == 404


# A regulator


def test_a_regulator_sees_how_much_and_when_and_nothing_else(people: People, world: World, record: object) -> None:
    text = text_of(people.regulator.get("/pools"))

    assert "northwind-parts Northwind Parts on time" in text
    assert str(world.pool.status().reach.final) in text
    for secret in ("API-", "Atlas", "Brake disc", "EUR"):
        assert secret not in text


def test_an_open_alert_says_what_it_means_what_to_do_and_how_to_check_it(people: People, world: World) -> None:
    assert "No open alert" in text_of(people.regulator.get("/alerts"))
    world.alert()

    text = text_of(people.regulator.get("/alerts"))

    assert "1 open alert" in text
    assert "Two histories of one log" in text
    assert "What to do." in text
    assert "python -m audit_chain misbehaviour misbehaviour.json --policy trust-policy.txt" in text
    assert "1 open alert" in text_of(people.regulator.get("/pools"))


@pytest.mark.parametrize("path", ["/pools", "/alerts", "/network"])
def test_a_fork_is_told_in_red_until_it_is_over(path: str, people: People, world: World) -> None:
    world.alert()
    assert '<div class="note bad" role="alert"><b>Fork</b>' in people.regulator.get(path).content.decode()
    world.chain.found_by_monitor.clear()
    world.alert(cleared="2026-11-22T15:59:00Z")
    assert "<b>Fork</b>" not in people.regulator.get(path).content.decode()


def test_the_evidence_of_an_alert_is_the_file_itself(people: People, world: World) -> None:
    alert = world.alert()

    answer = people.regulator.post("/alerts/file", {"evidence": alert.evidence})

    assert answer.content == pool_fork(world.network)
    assert people.regulator.post("/alerts/file", {"evidence": "0" * 64}).status_code == 404


def test_alerts_that_are_over_come_after_those_that_are_not(people: People, world: World) -> None:
    world.alert("late-crosslink", cleared="2026-11-22T15:59:00Z")
    world.alert("key-ending")

    text = text_of(people.regulator.get("/alerts"))

    assert text.index("Keys end soon") < text.index("A pool is late")


def test_every_kind_of_alert_has_words_of_its_own() -> None:
    from apps.monitor.alerts import AlertKind

    assert {str(kind) for kind in AlertKind} == set(alert_words._WORDS)


def test_an_alert_of_an_unknown_kind_is_shown_all_the_same(world: World) -> None:
    view = alert_view(world.alert("something-new"), {})

    assert view.title == "Something is not as it should be"
    assert "two histories" in view.detail
    assert timezone.now()
