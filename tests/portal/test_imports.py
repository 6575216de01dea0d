"""Bringing files in by the page, and reading what became of them."""

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django.fixtures import Settings

from tests.api.cast import World, numbers
from tests.pool.cast import invoice, upload
from tests.portal.people import HTMX, People, text_of

GERMAN = """Beleg;Tag;Lieferant;Kunde;Summe
{0};03.11.2026;Northwind Parts;Atlas Motors;1.250,50
{0}b;heute;Northwind Parts;Atlas Motors;88,00
"""
ANSWERS = {
    "header": ["Beleg", "Tag", "Lieferant", "Kunde", "Summe"],
    "field": ["number", "issue_date", "seller.name", "buyer.name", "payable_amount"],
    "default.currency": "EUR",
    "date_format": "DD.MM.YYYY",
    "decimal_separator": ",",
    "encoding": "utf-8",
}


def document(number: str | None = None, **changes: Any) -> SimpleUploadedFile:
    content = upload(invoice(number or next(numbers), **changes)).data
    return SimpleUploadedFile("invoice.json", content, "application/json")


def table(text: str, *, encoding: str = "utf-8") -> SimpleUploadedFile:
    return SimpleUploadedFile("table.csv", text.encode(encoding), "text/csv")


def test_an_import_leads_to_its_page(people: People, world: World) -> None:
    response = people.staff.post("/imports", {"files": [document(), document()]}, follow=True)
    world.read_everything()

    assert "2 files" in text_of(response)
    page = text_of(people.staff.get(response.request["PATH_INFO"]))
    assert "2 documents in" in page
    assert page.count("Open the record") == 2


def test_with_htmx_the_browser_is_told_where_to_go(people: People) -> None:
    response = people.staff.post("/imports", {"files": document()}, headers=HTMX)

    assert re.fullmatch(r"/imports/[0-9a-f-]{36}", response["HX-Redirect"])


def test_each_file_has_its_own_outcome(people: People, world: World) -> None:
    number = next(numbers)
    junk = SimpleUploadedFile("holiday.png", b"\x89PNG\r\n\x1a\n", "image/png")
    files = [document(number), document(number), junk]

    page = people.staff.post("/imports", {"files": files})["Location"]
    world.read_everything()

    text = text_of(people.staff.get(page))
    assert "1 document in" in text
    assert "1 already there" in text
    assert "1 refused, with reasons" in text
    refused = text_of(people.staff.get(page, query_params={"outcome": "refused"}))
    assert "holiday.png" in refused
    assert "invoice.json" not in refused


def test_the_page_asks_again_until_everything_is_final(people: People, world: World) -> None:
    page = people.staff.post("/imports", {"files": document()})["Location"]

    def asks_again() -> bool:
        return b'hx-trigger="every 1s"' in people.staff.get(page, headers=HTMX).content

    assert asks_again()
    world.read_everything()
    assert asks_again()
    world.finish()
    assert not asks_again()
    assert "All of it is in, and final" in text_of(people.staff.get(page))


def test_a_long_list_is_read_page_by_page(people: People, world: World) -> None:
    documents = [invoice(next(numbers)) for _ in range(130)]
    file = SimpleUploadedFile("many.json", upload(*documents).data, "application/json")
    page = people.staff.post("/imports", {"files": file})["Location"]
    world.read_everything()

    first = people.staff.get(page)
    following = re.search(r'href="(\?after=[0-9.]+)"', first.content.decode())

    assert following
    assert text_of(first).count("Open the record") == 100
    assert text_of(people.staff.get(page + following[1])).count("Open the record") == 30


def test_headers_that_say_nothing_are_asked_about(people: People) -> None:
    response = people.staff.post("/imports", {"files": table(GERMAN.format(next(numbers)))}, headers=HTMX)

    text = text_of(response)
    assert "Which column is what?" in text
    assert "03.11.2026" in text
    assert "HX-Redirect" not in response


def test_without_javascript_the_files_are_chosen_once_more(people: People) -> None:
    response = people.staff.post("/imports", {"files": table(GERMAN.format(next(numbers)))})

    assert response.status_code == 200
    assert "choose the files once more" in text_of(response)


def test_what_was_said_about_columns_is_heeded(people: People, world: World) -> None:
    number = next(numbers)

    page = people.staff.post("/imports", ANSWERS | {"files": table(GERMAN.format(number))})["Location"]
    world.read_everything()

    assert "1 document in" in text_of(people.staff.get(page))
    refused = text_of(people.staff.get(page, query_params={"outcome": "refused"}))
    assert "not a date" in refused
    assert "row 2" in refused
    found = text_of(people.staff.post("/records", {"text": number}))
    assert "1,250.50 EUR" in found


def test_an_older_character_set_is_suggested(people: People) -> None:
    text = GERMAN.format(next(numbers)).replace("Lieferant", "Verkäufer")

    response = people.staff.post("/imports", {"files": table(text, encoding="windows-1252")}, headers=HTMX)

    assert "Verkäufer" in text_of(response)
    assert 'value="windows-1252" selected' in response.content.decode()


@pytest.mark.parametrize(
    "answer",
    [
        {"field": ["number"]},
        {"field": ["number", "number", "seller.name", "buyer.name", "payable_amount"]},
        {"field": ["source.sha256", "", "", "", ""]},
        {"date_format": "YYYY"},
        {"decimal_separator": "#"},
        {"encoding": "punched cards"},
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(answer: dict[str, Any], people: People) -> None:
    response = people.staff.post("/imports", ANSWERS | answer | {"files": table(GERMAN.format("x"))})

    assert response.status_code == 400
    assert "Not taken" in text_of(response)


def test_a_table_with_known_headers_needs_no_answer(people: People) -> None:
    known = "number,issue_date,seller,buyer,currency,total\nK-1,2026-11-03,Northwind,Atlas,EUR,10.00\n"

    assert people.staff.post("/imports", {"files": table(known)}).status_code == 302


def test_nothing_chosen_is_said_so(people: People) -> None:
    response = people.staff.post("/imports", {})

    assert response.status_code == 400
    assert "Choose at least one file" in text_of(response)


def test_too_much_at_once_is_refused_with_the_limit(people: People, settings: Settings) -> None:
    settings.MAX_UPLOAD_BYTES = 1000

    response = people.staff.post("/imports", {"files": SimpleUploadedFile("big.xml", b"x" * 2000)}, headers=HTMX)

    assert "Bring them in several imports" in text_of(response)


def test_a_new_version_says_what_it_replaces(people: People, world: World) -> None:
    older = world.final_record()
    assert "will replace" in text_of(people.staff.get("/imports", query_params={"replaces": str(older)}))

    page = people.staff.post("/imports", {"files": document(due_date="2027-05-05"), "replaces": str(older)})["Location"]
    world.read_everything()

    assert "1 document in" in text_of(people.staff.get(page))
    assert "Superseded" in text_of(people.staff.get(f"/records/{older}"))


@pytest.mark.parametrize("replaced", ["not-an-id", "00000000-0000-4000-8000-000000000000"])
def test_what_is_not_there_cannot_be_replaced(replaced: str, people: People) -> None:
    assert people.staff.get("/imports", query_params={"replaces": replaced}).status_code == 404
    assert people.staff.post("/imports", {"files": document(), "replaces": replaced}).status_code == 404
