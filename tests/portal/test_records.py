"""Finding and reading records, their versions and their originals."""

import re
from uuid import UUID

import pytest

from tests.api.cast import World, numbers
from tests.pool.cast import bring_in, invoice, upload
from tests.portal.people import HTMX, People, text_of


def test_a_record_is_found_by_its_number_and_its_partner(people: People, world: World) -> None:
    number = next(numbers)
    world.record(number=number, buyer={"name": f"Helvetia {number}x SA"})

    for text in (number, number.lower(), f"{number}x"):
        assert number in text_of(people.viewer.post("/records", {"text": text}))
    assert "Nothing matches" in text_of(people.viewer.post("/records", {"text": f"{number}-other"}))


@pytest.mark.parametrize("amount", ["98,765.43", "98.765,43 EUR", "98765.43", "98 765,43"])
def test_a_record_is_found_by_its_amount_however_it_is_written(amount: str, people: People, world: World) -> None:
    number = next(numbers)
    world.record(number=number, payable_amount=9_876_543)

    assert number in text_of(people.viewer.post("/records", {"amount": amount}))


@pytest.mark.parametrize(
    "form",
    [
        {"amount": "a lot"},
        {"amount": "1.005 EUR and more"},
        {"kind": "love-letter"},
        {"state": "eternal"},
        {"date_from": "2026-13-01"},
        {"date_from": "2026-02-02", "date_to": "2026-01-01"},
        {"before": "-1"},
        {"text": "x" * 1000},
    ],
)
def test_a_question_that_makes_no_sense_is_answered_in_words(form: dict[str, str], people: People) -> None:
    for headers in ({}, HTMX):
        response = people.viewer.post("/records", form, headers=headers)
        assert response.status_code == 200
        assert "Not searched" in text_of(response)


def test_filters_narrow_the_list(people: People, world: World) -> None:
    number = next(numbers)
    world.record(number=number, kind="order", issue_date="1999-05-05")
    form = {"text": number, "kind": "order", "state": "stored", "date_from": "1999-05-05", "date_to": "1999-05-05"}

    assert number in text_of(people.viewer.post("/records", form))
    for other in ({"kind": "invoice"}, {"state": "final"}, {"date_to": "1999-05-04", "date_from": "1999-05-01"}):
        assert "Nothing matches" in text_of(people.viewer.post("/records", form | other))
    world.finish()
    assert number in text_of(people.viewer.post("/records", form | {"state": "final"}))


def test_a_long_list_goes_on_where_it_ended(people: People, world: World) -> None:
    name = f"Partner{next(numbers).replace('-', '')}"
    bring_in(world.pool, upload(*[invoice(next(numbers), buyer={"name": name}) for _ in range(60)]))

    first = people.viewer.post("/records", {"text": name})
    before = re.search(r'name="before" value="([0-9]+)"', first.content.decode())

    assert before
    assert "60 found" in text_of(first)
    assert len(re.findall(r'<th scope="row"', first.content.decode())) == 50
    second = people.viewer.post("/records", {"text": name, "before": before[1]}, headers=HTMX)
    assert len(re.findall(r'<th scope="row"', second.content.decode())) == 10


def test_the_whole_list_is_paged_by_links(people: People, world: World) -> None:
    bring_in(world.pool, upload(*[invoice(next(numbers)) for _ in range(60)]))

    link = re.search(r'href="(\?before=[0-9]+)"', people.viewer.get("/records").content.decode())

    assert link
    assert "Newest" in text_of(people.viewer.get(f"/records{link[1]}"))


def test_an_empty_pool_says_what_to_do_next(people: People) -> None:
    assert "Bring in your first invoices" in text_of(people.stranger.get("/records"))


def test_a_record_reads_like_the_document(people: People, world: World) -> None:
    record = world.final_record(
        lines=[{"name": "Brake disc", "quantity": "50", "unit": "H87", "unit_price": "41.20", "net_amount": 206_000}],
        tax=[{"rate": "19", "amount": 39_140}],
        net_amount=206_000,
        gross_amount=245_140,
        payable_amount=245_140,
    )

    text = text_of(people.viewer.get(f"/records/{record}"))

    assert "Brake disc 50 pcs 41.20 2,060.00" in text
    assert "VAT 19% 391.40" in text
    assert "Payable, EUR 2,451.40" in text
    assert "Northwind Parts GmbH to Atlas Motors AG, issued 3 Nov 2026, due 2 Jan 2027" in text


def test_all_fields_stand_under_their_headings(people: People, record: UUID) -> None:
    text = text_of(people.viewer.get(f"/records/{record}/fields"))

    assert "Seller Name Northwind Parts GmbH" in text
    assert "Line 1: net amount 2,060.00 EUR" in text
    assert "Fingerprint (SHA-256)" in text


def test_the_life_of_a_record_goes_on_by_itself_until_it_is_final(people: People, world: World) -> None:
    record = world.record()

    waiting = people.viewer.get(f"/records/{record}/life")
    assert b'hx-trigger="every 1s"' in waiting.content
    assert "This record is final" not in text_of(waiting)

    world.finish()
    final = people.viewer.get(f"/records/{record}/life")
    assert b"hx-trigger" not in final.content
    assert "This record is final" in text_of(final)


def test_who_signed_is_named_once_the_record_is_final(people: People, world: World) -> None:
    record = world.record()
    assert "Nobody yet" in text_of(people.viewer.get(f"/records/{record}"))

    world.finish()
    assert "Meridian Bank signed" in text_of(people.viewer.get(f"/records/{record}"))


def test_the_original_is_handed_out_as_it_came_and_never_rendered(people: People, world: World) -> None:
    content = upload(invoice(next(numbers))).data
    name = "Rechnung Müller & Söhne <script>.json"
    batch = bring_in(world.pool, upload(invoice(next(numbers)), name=name))
    (item,) = world.pool.items(batch.id)

    response = people.viewer.get(f"/records/{item.record_id}/original")

    assert len(response.content) == len(content)
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment; filename*=utf-8''Rechnung%20M%C3%BCller")
    assert response["X-Content-Type-Options"] == "nosniff"


def test_what_a_document_says_is_shown_and_never_run(people: People, world: World) -> None:
    record = world.record(buyer={"name": "<script>alert(1)</script>"}, notes=["<img src=x onerror=alert(1)>"])

    for page in (f"/records/{record}", f"/records/{record}/fields", "/records"):
        content = people.viewer.get(page).content
        assert b"<script>alert" not in content
        assert b"<img" not in content


def test_documents_of_the_same_number_are_flagged_on_both(people: People, world: World) -> None:
    number = next(numbers)
    older, newer = world.record(number=number), world.record(number=number, due_date="2027-03-03")

    for record in (older, newer):
        assert "has the same seller and number" in text_of(people.viewer.get(f"/records/{record}"))
    assert text_of(people.viewer.post("/records", {"text": number})).count("number used twice") == 2


def test_only_staff_may_say_which_is_the_newer_one(people: People, world: World) -> None:
    number = next(numbers)
    record = world.record(number=number)
    world.record(number=number, due_date="2027-03-03")

    assert "This one replaces it" in text_of(people.staff.get(f"/records/{record}"))
    assert "replaces" not in text_of(people.viewer.get(f"/records/{record}"))


def test_a_declared_version_is_shown_with_what_it_changes(people: People, world: World) -> None:
    number = next(numbers)
    older, newer = world.record(number=number), world.record(number=number, due_date="2027-03-03")
    page = f"/records/{newer}/replaces/{older}"

    assert "Due date 2027-01-02 2027-03-03" in text_of(people.staff.get(page))
    people.staff.post(page)

    assert "Superseded" in text_of(people.staff.get(f"/records/{older}"))
    assert "Versions" in text_of(people.staff.get(f"/records/{newer}"))
    assert "superseded" in text_of(people.staff.post("/records", {"text": number}))


def test_a_version_is_not_declared_twice_or_backwards(people: People, world: World) -> None:
    number = next(numbers)
    older, newer = world.record(number=number), world.record(number=number, due_date="2027-03-03")
    people.staff.post(f"/records/{newer}/replaces/{older}")

    for page in (f"/records/{newer}/replaces/{older}", f"/records/{older}/replaces/{newer}"):
        response = people.staff.post(page)
        assert response.status_code == 409
        assert "Not done" in text_of(response)


def test_a_record_of_another_pool_replaces_nothing(people: People, world: World) -> None:
    record = world.record()

    assert people.stranger.get(f"/records/{record}/replaces/{record}").status_code == 404
