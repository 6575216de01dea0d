"""Imports: documents in by form or as a body, and what became of each."""

import json
from hashlib import sha256
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest

from apps.pools.tasks import process_imports
from tests.api.cast import Caller, Cast, World, error_of, numbers
from tests.pool.cast import bring_in, invoice, upload

TABLE = "Invoice no.;Date;Total\n{0};03.11.2026;1.250,50\n{1};some day;3,00\n"
MAPPING = {
    "columns": {"Invoice no.": "number", "Date": "issue_date", "Total": "payable_amount"},
    "defaults": {"currency": "EUR", "seller.name": "Northwind Parts GmbH", "buyer.name": "Atlas Motors AG"},
    "date_format": "DD.MM.YYYY",
    "decimal_separator": ",",
    "thousands_separator": ".",
}


def named(name: str, data: bytes) -> BytesIO:
    file = BytesIO(data)
    file.name = name
    return file


def bring(caller: Caller, world: World, body: Any, *, path: str = "imports") -> dict[str, Any]:
    """The finished import of this JSON body."""
    response = caller.post(path, body)
    assert response.status_code == 202, response.content
    return finished(caller, world, response)


def bring_form(caller: Caller, world: World, **form: Any) -> dict[str, Any]:
    response = caller.upload("imports", form)
    assert response.status_code == 202, response.content
    return finished(caller, world, response)


def finished(caller: Caller, world: World, response: Any) -> dict[str, Any]:
    assert response["Location"] == f"/api/v1/imports/{response.json()['id']}"
    world.read_everything()
    done: dict[str, Any] = caller.get(f"imports/{response.json()['id']}").json()
    assert done["done"]
    return done


def test_an_import_is_kept_before_it_is_read(cast: Cast, world: World) -> None:
    answer = cast.staff.post("imports", [invoice(next(numbers)), invoice(next(numbers))]).json()
    assert (answer["files"], answer["pending"], answer["done"]) == (1, 1, False)
    waiting = cast.viewer.get(f"imports/{answer['id']}").json()
    assert [(item["outcome"], item["record"]) for item in waiting["items"]] == [("pending", None)]

    world.read_everything()

    done = cast.viewer.get(f"imports/{answer['id']}").json()
    assert (done["accepted"], done["duplicates"], done["refused"], done["pending"]) == (2, 0, 0, 0)
    assert done["by"] == "token staff"


def test_a_worker_is_woken_with_nothing_but_the_pool_s_name(
    cast: Cast, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[Any] = []
    monkeypatch.setattr(process_imports, "apply_async", lambda *args, **options: woken.append(args))
    cast.staff.post("imports", invoice(next(numbers)))
    assert woken == [((world.pool.name,),)]


def test_a_form_brings_files_of_all_kinds_each_with_its_outcome(cast: Cast, world: World) -> None:
    good, bad = next(numbers), next(numbers)
    done = bring_form(
        cast.staff,
        world,
        files=[
            named('November "a";\u00fc.json', json.dumps(invoice(good)).encode()),
            named("table.csv", TABLE.format(next(numbers), bad).encode()),
            named("picture.png", b"\x89PNG\r\n\x1a\n"),
            named("empty.xml", b""),
        ],
        mapping=json.dumps(MAPPING),
    )

    by_place = {(item["file"], item["document"]): item for item in done["items"]}
    assert {place: item["outcome"] for place, item in by_place.items()} == {
        (0, 0): "accepted",
        (1, 0): "accepted",
        (1, 1): "refused",
        (2, 0): "refused",
        (3, 0): "refused",
    }
    assert by_place[0, 0]["name"] == 'November "a";\u00fc.json'
    assert by_place[1, 1]["where"] == "row 2, line 3, Date"
    assert by_place[1, 1]["record"] is None
    assert by_place[3, 0]["reason"] == "the file is empty"
    table_row = cast.viewer.get(f"records/{by_place[1, 0]['record']}").json()
    assert table_row["fields"]["payable_amount"] == 125050


def test_the_original_of_a_document_sent_as_a_body_is_that_body(cast: Cast, world: World) -> None:
    body = json.dumps(invoice(next(numbers)), indent=3).encode()
    (item,) = finished(cast.staff, world, cast.staff.ask("POST", "imports", body))["items"]

    original = cast.viewer.get(f"records/{item['record']}/original")

    assert original.content == body
    assert original["Content-Disposition"] == 'attachment; filename="body.json"'
    assert original["Content-Type"] == "application/octet-stream"
    fields = cast.viewer.get(f"records/{item['record']}").json()["fields"]
    assert fields["source.sha256"] == sha256(body).hexdigest()


def test_the_same_document_again_is_its_record_and_nothing_is_appended(cast: Cast, world: World) -> None:
    document = invoice(next(numbers))
    (first,) = bring(cast.staff, world, document)["items"]
    entries = cast.viewer.get("pool").json()["entries"]

    (again,) = bring(cast.owner, world, document)["items"]

    assert (again["outcome"], again["record"]) == ("duplicate", first["record"])
    assert cast.viewer.get("pool").json()["entries"] == entries


def test_a_document_of_an_array_that_cannot_be_taken_does_not_hold_up_the_others(cast: Cast, world: World) -> None:
    done = bring(cast.staff, world, [invoice(next(numbers)), {"kind": "poem"}, 7, invoice(next(numbers))])
    assert [item["outcome"] for item in done["items"]] == ["accepted", "refused", "refused", "accepted"]
    assert done["items"][1]["where"] == "row 2, kind"
    assert "expected one of" in done["items"][1]["reason"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"kind": "invoice", "kind": "order"}', b'{"number": "\\ud83d"}', b'{"amount": 1.5}', b"\xff{}"],
)
def test_a_body_that_is_no_json_is_refused_at_once(body: bytes, cast: Cast) -> None:
    assert cast.staff.ask("POST", "imports", body).status_code == 400


def test_a_replacement_names_the_record_that_it_replaces(cast: Cast, world: World) -> None:
    number = next(numbers)
    (older,) = bring(cast.staff, world, invoice(number))["items"]

    second, path = invoice(number, due_date="2027-02-01"), f"imports?replaces={older['record']}"
    (newer,) = bring(cast.staff, world, second, path=path)["items"]
    third = json.dumps(invoice(number, due_date="2027-03-01")).encode()
    (newest,) = bring_form(cast.staff, world, files=[named("third.json", third)], replaces=newer["record"])["items"]

    record = cast.viewer.get(f"records/{newer['record']}").json()
    assert record["versions"] == [older["record"], newer["record"], newest["record"]]
    assert (record["replaces"], record["superseded_by"]) == (older["record"], newest["record"])
    again = cast.staff.post(f"imports?replaces={older['record']}", invoice(next(numbers)))
    assert (again.status_code, error_of(again)["code"]) == (409, "conflict")


def test_nobody_replaces_what_is_another_s(cast: Cast, world: World) -> None:
    record = world.record()
    response = cast.stranger.post(f"imports?replaces={record}", invoice(next(numbers)))
    assert (response.status_code, error_of(response)["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("form", "where"),
    [
        ({}, "files"),
        ({"files": "a text"}, "files.0"),
        ({"files": named("a.csv", b"a;b"), "mapping": "{"}, "mapping"),
        ({"files": named("a.csv", b"a;b"), "mapping": '{"a": 1, "a": 2}'}, "mapping"),
        ({"files": named("a.csv", b"a;b"), "mapping": "[]"}, "mapping"),
        ({"files": named("a.csv", b"a;b"), "mapping": '{"colums": {}}'}, "mapping"),
        ({"files": named("a.csv", b"a;b"), "replaces": "that one"}, "replaces"),
        ({"files": named("a.csv", b"a;b"), "replace": "x"}, "replace"),
    ],
)
def test_what_is_wrong_with_a_form_is_named(form: dict[str, Any], where: str, cast: Cast) -> None:
    response = cast.staff.upload("imports", form)
    assert (response.status_code, error_of(response)["where"]) == (400, where)


def test_a_list_of_imports_is_read_page_by_page(cast: Cast, world: World) -> None:
    made = [str(bring_in(world.pool, upload(invoice(next(numbers)))).id) for _ in range(5)]
    first = cast.viewer.get("imports", limit=2).json()
    second = cast.viewer.get("imports", limit=3, cursor=first["next"]).json()
    assert [one["id"] for one in first["items"] + second["items"]] == made[::-1]
    assert second["next"] == made[0] or second["next"] is None


def test_items_are_read_page_by_page_and_by_outcome(cast: Cast, world: World) -> None:
    documents = [invoice(next(numbers)) if number % 3 else {"kind": "poem"} for number in range(12)]
    batch = bring(cast.staff, world, documents)["id"]

    seen: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": 5}
    while True:
        page = cast.viewer.get(f"imports/{batch}/items", **query).json()
        seen += page["items"]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]

    assert [item["document"] for item in seen] == list(range(12))
    refused = cast.viewer.get(f"imports/{batch}/items", outcome="refused", limit=200).json()
    assert [item["document"] for item in refused["items"]] == [0, 3, 6, 9]
    assert all(UUID(item["record"]) for item in seen if item["outcome"] == "accepted")


def test_an_import_tells_of_its_first_items_and_where_to_read_on(cast: Cast, world: World) -> None:
    done = bring(cast.staff, world, [{"kind": "poem"}] * 60)
    assert (len(done["items"]), done["next"]) == (50, "0.49")
    rest = cast.viewer.get(f"imports/{done['id']}/items", cursor=done["next"]).json()
    assert (len(rest["items"]), rest["next"]) == (10, None)
