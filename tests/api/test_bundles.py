"""Disclosures and bundles: made, received, read, verified."""

import json
from typing import Any
from uuid import UUID

import pytest

from apps.api.serializers.bundles import Verdict as VerdictShape
from apps.exchange.models import Share
from audit_chain.log.policy import TrustPolicy
from audit_chain.proof.verifier import verify
from audit_chain.testing import SUPPLIER
from tests.api.cast import PARTNER, REGULATOR, Cast, World, error_of
from tests.api.statements import count_statements

SHOWN = ["currency", "number", "payable_amount"]


def disclose(cast: Cast, record: UUID, **changes: Any) -> Any:
    return cast.staff.post(f"records/{record}/disclosures", {"fields": SHOWN, "recipient": PARTNER} | changes)


def inbox(cast: Cast) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = cast.partner.get("inbox").json()["items"]
    return items


# Disclosures


def test_a_bundle_shows_the_chosen_fields_and_verifies_under_the_published_policy(cast: Cast, world: World) -> None:
    record = world.final_record()

    response = disclose(cast, record)

    assert response.status_code == 201
    policy = TrustPolicy.parse(cast.anonymous.get("policy").content)
    verdict = verify(response.content, policy)
    assert verdict.finding
    assert sorted(verdict.finding.to_json()["fields"]) == SHOWN  # type: ignore[arg-type]
    assert b"Atlas Motors" not in response.content


def test_a_bundle_is_in_its_recipient_s_inbox_and_nobody_else_s(cast: Cast, world: World) -> None:
    response = disclose(cast, world.final_record())

    (item,) = inbox(cast)

    assert response["Location"] == f"/api/v1/bundles/{item['id']}"
    assert item["sender"] == {"name": SUPPLIER, "display_name": "Northwind Parts"}
    assert item["recipient"] == {"name": PARTNER, "display_name": "Meridian Bank"}
    assert [one["id"] for one in cast.viewer.get("given").json()["items"]] == [item["id"]]
    for other in (cast.regulator, cast.stranger, cast.viewer):
        assert other.get("inbox").json() == {"items": [], "next": None}


def test_the_owner_sees_who_has_seen_what(cast: Cast, world: World) -> None:
    record = world.final_record()
    disclose(cast, record)
    disclose(cast, record, fields=["number"], recipient=None)

    made = cast.viewer.get(f"records/{record}/disclosures").json()["items"]

    assert [(one["recipient"], one["fields"], one["by"]) for one in made] == [
        (PARTNER, SHOWN, "token staff"),
        (SUPPLIER, ["number"], "token staff"),
    ]


def test_a_bundle_without_a_recipient_is_in_nobody_s_inbox(cast: Cast, world: World) -> None:
    response = disclose(cast, world.final_record(), recipient=None)
    assert response.status_code == 201
    assert "Location" not in response
    assert cast.anonymous.ask("POST", "verify", response.content).json()["verdict"] == "verified"
    assert not Share.objects.exists()


@pytest.mark.parametrize("recipient", [PARTNER, None])
def test_nothing_is_disclosed_before_it_is_final(recipient: str | None, cast: Cast, world: World) -> None:
    record = world.record()
    response = disclose(cast, record, recipient=recipient)
    assert (response.status_code, error_of(response)["code"]) == (409, "not_final_yet")
    assert cast.viewer.get(f"records/{record}/disclosures").json() == {"items": []}


@pytest.mark.parametrize("recipient", [PARTNER, None])
def test_a_field_that_the_record_lacks_is_named(recipient: str | None, cast: Cast, world: World) -> None:
    response = disclose(cast, world.final_record(), fields=["number", "colour"], recipient=recipient)
    assert (response.status_code, error_of(response)["where"]) == (400, "fields")
    assert "colour" in error_of(response)["message"]


@pytest.mark.parametrize("recipient", ["nobody", SUPPLIER, "", "Meridian Bank"])
def test_one_shares_with_another_organisation_of_the_network(recipient: str, cast: Cast, world: World) -> None:
    response = disclose(cast, world.final_record(), recipient=recipient)
    assert (response.status_code, error_of(response)["where"]) == (400, "recipient")


def test_a_repetition_with_the_same_key_shares_nothing_again(cast: Cast, world: World) -> None:
    record, body = world.final_record(), {"fields": SHOWN, "recipient": PARTNER}
    path, key = f"records/{record}/disclosures", {"Idempotency-Key": "order 66"}

    first, again = (cast.staff.post(path, body, **key) for _ in range(2))
    other = cast.staff.post(path, body, **{"Idempotency-Key": "order 67"})

    assert (first.content, first["Location"]) == (again.content, again["Location"])
    assert other["Location"] != first["Location"]
    assert len(inbox(cast)) == 2
    assert len(cast.viewer.get(path).json()["items"]) == 2


def test_a_key_is_a_word_and_not_a_book(cast: Cast, world: World) -> None:
    body = {"fields": SHOWN, "recipient": PARTNER}
    response = cast.staff.post(f"records/{world.record()}/disclosures", body, **{"Idempotency-Key": "x" * 201})
    assert (response.status_code, error_of(response)["where"]) == (400, "Idempotency-Key")


# Bundles


def test_both_sides_get_the_bundle_byte_for_byte(cast: Cast, world: World) -> None:
    response = disclose(cast, world.final_record())
    path = response["Location"].removeprefix("/api/v1/")
    for caller in (cast.partner, cast.viewer):
        file = caller.get(f"{path}/file")
        assert file.content == response.content
        assert file["Content-Type"] == "application/json"
        assert file["Content-Disposition"].startswith('attachment; filename="proof-')


def test_a_bundle_is_opened_by_its_recipient_and_not_by_its_sender(cast: Cast, world: World) -> None:
    path = disclose(cast, world.final_record())["Location"].removeprefix("/api/v1/")
    assert cast.viewer.get(path).json()["opened"] is None
    opened = cast.partner.get(path).json()["opened"]
    assert opened is not None
    assert cast.partner.get(path).json()["opened"] == opened == inbox(cast)[0]["opened"]


def test_a_bundle_comes_with_the_verdict_on_it(cast: Cast, world: World) -> None:
    path = disclose(cast, world.final_record())["Location"].removeprefix("/api/v1/")
    verdict = cast.partner.get(path).json()["verdict"]
    assert verdict["verdict"] == "verified"
    assert verdict["shows"]["member"] == SUPPLIER
    assert sorted(verdict["shows"]["fields"]) == SHOWN


def test_a_bundle_that_cannot_be_read_any_more_is_still_listed(cast: Cast, world: World) -> None:
    path = disclose(cast, world.final_record())["Location"].removeprefix("/api/v1/")
    Share.objects.update(bundle=b"{}")
    assert cast.partner.get(path).json()["verdict"] is None
    assert len(inbox(cast)) == 1


def test_an_inbox_is_read_page_by_page_with_as_many_statements(cast: Cast, world: World) -> None:
    record = world.final_record()
    made = [disclose(cast, record)["Location"].rpartition("/")[2] for _ in range(5)]
    cast.partner.get("inbox", limit=1)

    with count_statements() as short:
        first = cast.partner.get("inbox", limit=1).json()
    with count_statements() as long:
        second = cast.partner.get("inbox", limit=3, cursor=first["next"]).json()
    last = cast.partner.get("inbox", cursor=second["next"]).json()

    assert [one["id"] for one in first["items"] + second["items"] + last["items"]] == made[::-1]
    assert last["next"] is None
    assert long.count == short.count


# The verdict


def test_a_verdict_is_what_the_command_line_says(cast: Cast, world: World) -> None:
    bundle = world.bundle(world.final_record(), *SHOWN)
    answer = cast.anonymous.ask("POST", "verify", bundle).json()
    assert answer == verify(bundle, world.network.policy).to_json()
    assert list(answer) == list(VerdictShape().fields)


def test_a_refuted_bundle_gets_its_verdict_with_the_failed_step(cast: Cast, world: World) -> None:
    bundle = json.loads(world.bundle(world.final_record(), "number"))
    bundle["checksum"] = "0" * 64
    spoiled = json.dumps(bundle, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    answer = cast.anonymous.ask("POST", "verify", spoiled).json()
    assert (answer["verdict"], answer["failed_step"], answer["shows"]) == ("refuted", 1, None)


def test_a_bundle_spelt_otherwise_is_unreadable(cast: Cast, world: World) -> None:
    bundle = world.bundle(world.final_record(), "number")
    for other in (bundle + b"\n", json.dumps(json.loads(bundle), indent=1).encode(), bundle[:-1], b"", b"[]"):
        response = cast.anonymous.ask("POST", "verify", other)
        assert response.status_code == 400
        assert error_of(response)["where"] == "bundle"


def test_no_spoiled_byte_brings_the_verifier_down(cast: Cast, world: World) -> None:
    bundle = world.bundle(world.final_record(), "number")
    for place in range(0, len(bundle), len(bundle) // 60):
        spoiled = bundle[:place] + bytes([bundle[place] ^ 1]) + bundle[place + 1 :]
        response = cast.viewer.ask("POST", "verify", spoiled)
        assert response.status_code == 400 or response.json()["verdict"] == "refuted"


def test_a_file_s_digest_tells_whether_the_bundle_is_about_that_file(cast: Cast, world: World, tmp_path: Any) -> None:
    record = world.final_record()
    digest = cast.viewer.get(f"records/{record}").json()["fields"]["source.sha256"]
    path = tmp_path / "bundle.json"
    path.write_bytes(world.bundle(record, "number", "source.sha256"))
    for sha256, expected in ((digest, "verified"), ("0" * 64, "refuted")):
        with path.open("rb") as file:
            answer = cast.anonymous.upload("verify", {"bundle": file, "sha256": sha256}).json()
        assert answer["verdict"] == expected


def test_a_recipient_can_be_chosen_from_all_others(cast: Cast) -> None:
    names = [one["name"] for one in cast.viewer.get("recipients").json()["items"]]
    assert {PARTNER, REGULATOR} <= set(names)
    assert SUPPLIER not in names
