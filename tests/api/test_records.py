"""Records: listed, searched, read, replaced."""

from typing import Any

import pytest

from apps.api.urls import urlpatterns
from tests.api.cast import Cast, World, error_of, numbers
from tests.api.statements import count_statements


def found(cast: Cast, **search: Any) -> list[str]:
    response = cast.viewer.post("records/search", search)
    assert response.status_code == 200, response.content
    return [item["id"] for item in response.json()["items"]]


def test_a_record_tells_its_fields_its_life_and_its_original(cast: Cast, world: World) -> None:
    number = next(numbers)
    record = cast.viewer.get(f"records/{world.final_record(number=number)}").json()
    assert record["kind"] == "invoice"
    assert record["fields"]["number"] == number
    assert record["fields"]["payable_amount"] == 535_500
    assert record["fields"]["lines.0.name"] == "Brake disc"
    assert record["life"]["state"] == "final"
    assert record["life"]["stored"] <= record["life"]["anchored"] <= record["life"]["final"]
    assert record["original"]["name"] == "invoice.json"
    assert record["original"]["size"] > 300


def test_a_record_s_life_is_told_as_far_as_it_has_come(cast: Cast, world: World) -> None:
    path = f"records/{world.record()}"
    assert cast.viewer.get(path).json()["life"]["state"] == "stored"
    world.pool.seal()
    assert cast.viewer.get(path).json()["life"]["state"] == "sealed"
    assert not cast.viewer.get("pool").json()["settled"]
    world.finish()
    assert cast.viewer.get(path).json()["life"]["state"] == "final"
    assert cast.viewer.get("pool").json()["settled"]


def test_records_are_found_by_what_they_say(cast: Cast, world: World) -> None:
    number = next(numbers)
    buyer = {"id": f"VAT {number}", "name": f"Zephyr{number.replace('-', '')} Works"}
    record = str(world.record(number=number, buyer=buyer, payable_amount=7_654_321, issue_date="2019-02-28"))
    for search in (
        {"number": number},
        {"text": number},
        {"text": record},
        {"partner": buyer["name"].split()[0].lower()},
        {"partner": buyer["id"]},
        {"amount": 7_654_321},
        {"date_from": "2019-02-28", "date_to": "2019-02-28"},
        {"number": number, "kind": "invoice", "state": "stored"},
    ):
        assert found(cast, **search) == [record], search
    for search in (
        {"number": number, "kind": "order"},
        {"number": number, "state": "final"},
        {"number": number, "amount": 1},
        {"number": number, "date_to": "2019-02-27"},
    ):
        assert found(cast, **search) == [], search


def test_a_found_record_is_told_in_short(cast: Cast, world: World) -> None:
    number = next(numbers)
    record = world.final_record(number=number)
    page = cast.viewer.post("records/search", {"number": number}).json()
    assert {name: value for name, value in page["items"][0].items() if name != "created"} == {
        "id": str(record),
        "kind": "invoice",
        "number": number,
        "seller": "Northwind Parts GmbH",
        "buyer": "Atlas Motors AG",
        "issue_date": "2026-11-03",
        "amount": 535_500,
        "currency": "EUR",
        "state": "final",
        "superseded": False,
        "flagged": False,
    }
    assert (page["next"], page["total"], page["more"]) == (None, 1, False)


def test_a_search_for_nothing_in_particular_finds_everything(cast: Cast, world: World) -> None:
    record = str(world.record())
    assert found(cast)[0] == record
    assert cast.viewer.ask("POST", "records/search").json()["items"][0]["id"] == record


def test_records_are_read_page_by_page_newest_first(cast: Cast, world: World) -> None:
    amount = 99_000_001
    made = [str(world.record(payable_amount=amount)) for _ in range(5)]
    first = cast.viewer.post("records/search", {"amount": amount, "limit": 2}).json()
    world.record(payable_amount=amount)  # What comes in meanwhile shifts nothing.
    second = cast.viewer.post("records/search", {"amount": amount, "limit": 4, "cursor": first["next"]}).json()
    assert [item["id"] for item in first["items"] + second["items"]] == made[::-1]
    assert (first["total"], second["next"]) == (5, None)

    page = cast.viewer.get("records", limit=1).json()
    below = cast.viewer.get("records", limit=1, cursor=page["next"]).json()
    assert page["items"][0]["id"] != below["items"][0]["id"] == made[-1]


def test_twins_are_flagged_until_one_is_declared_the_new_version(cast: Cast, world: World) -> None:
    number = next(numbers)
    older, newer = str(world.record(number=number)), str(world.record(number=number, due_date="2027-02-01"))
    assert cast.viewer.get(f"records/{older}").json()["twins"] == [newer]

    response = cast.staff.post(f"records/{newer}/replacement", {"replaces": older})

    assert (response.status_code, response.content) == (204, b"")
    record = cast.viewer.get(f"records/{newer}").json()
    assert (record["replaces"], record["versions"], record["twins"]) == (older, [older, newer], [])
    items = cast.viewer.post("records/search", {"number": number}).json()["items"]
    assert [(item["superseded"], item["flagged"]) for item in items] == [(False, False), (True, False)]


def test_a_record_is_replaced_once(cast: Cast, world: World) -> None:
    number = next(numbers)
    one, two, three = (str(world.record(number=number, note=note)) for note in ("a", "b", "c"))
    cast.staff.post(f"records/{two}/replacement", {"replaces": one})
    for newer, older in ((three, one), (two, one), (one, two), (three, three)):
        response = cast.staff.post(f"records/{newer}/replacement", {"replaces": older})
        assert (response.status_code, error_of(response)["code"]) == (409, "conflict"), (newer, older)


def test_no_record_becomes_a_version_of_another_organisation_s(cast: Cast, world: World) -> None:
    theirs, nobodys = world.record(), "019aac2c-0000-7000-8000-00000000ffff"
    first = cast.stranger.post(f"records/{nobodys}/replacement", {"replaces": str(theirs)})
    second = cast.stranger.post(f"records/{theirs}/replacement", {"replaces": nobodys})
    assert first.status_code == second.status_code == 404


# What it costs, and what it leaves behind


@pytest.mark.parametrize("path", ["records", "imports"])
def test_a_longer_list_takes_no_more_statements(path: str, cast: Cast, world: World) -> None:
    for _ in range(3):
        world.record()
    cast.viewer.get(path, limit=1)  # Notes the token's last use, which the others then do not.
    with count_statements() as short:
        assert len(cast.viewer.get(path, limit=1).json()["items"]) == 1
    with count_statements() as long:
        assert len(cast.viewer.get(path, limit=3).json()["items"]) == 3
    assert long.count == short.count


def test_addresses_carry_ids_alone() -> None:
    for pattern in urlpatterns:
        converters = pattern.pattern.converters.values()
        assert all(type(converter).__name__ == "UUIDConverter" for converter in converters), pattern.name


def test_nothing_that_records_say_reaches_a_log(cast: Cast, world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    canary = "Canary-in-a-log"
    record = world.final_record(number=canary, lines=[{"name": canary}])
    cast.viewer.post("records/search", {"text": canary, "partner": canary, "number": canary})
    cast.viewer.get("records", cursor=canary)
    cast.viewer.get(f"records/{record}")
    cast.viewer.get(f"records/{record}/original")
    cast.staff.post(f"records/{record}/disclosures", {"fields": ["number", canary], "recipient": canary})
    cast.staff.post(f"records/{record}/disclosures", {"fields": ["number"], "recipient": None})
    cast.staff.post("imports", {"kind": canary})
    cast.staff.ask("POST", "imports", canary.encode())
    cast.anonymous.post("verify", {"bundle": canary})
    cast.anonymous.post("evidence/lookup", {"sha256": canary})
    world.read_everything()
    said = [message for message in caplog.messages if "SELECT" not in message]
    assert any("/api/v1/records/search" in message for message in said)
    assert not [message for message in said if canary in message]
