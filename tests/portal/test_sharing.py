"""Sharing a record: what is said before, what the recipient gets, and that it happens once."""

import json
import re
from typing import Any
from uuid import UUID, uuid4

import pytest

from apps.exchange.models import Share
from tests.api.cast import PARTNER, World
from tests.portal.people import People, Person, text_of

FIELDS = ["number", "currency", "payable_amount"]


def form(**changes: Any) -> dict[str, Any]:
    return {"fields": FIELDS, "recipient": PARTNER, "request": str(uuid4())} | changes


def share(person: Person, record: UUID, **changes: Any) -> Any:
    return person.post(f"/records/{record}/share", form(confirmed="yes") | changes)


def test_presets_choose_the_fields_that_make_sense_together(people: People, record: UUID) -> None:
    page = people.staff.get(f"/records/{record}/share", query_params={"preset": "amount"}).content.decode()

    checked = re.findall(r'name="fields" value="([^"]+)" checked', page)
    assert set(checked) == {"number", "due_date", "currency", "payable_amount"}


def test_before_anything_is_shared_the_page_says_what_it_means(people: People, record: UUID) -> None:
    text = text_of(people.staff.post(f"/records/{record}/share", form()))

    assert "Meridian Bank will read 3 fields" in text
    assert "This cannot be taken back" in text
    assert "Payable amount 5,355.00 EUR" in text
    assert not Share.objects.exists()


def test_whoever_changes_their_mind_keeps_the_choice(people: People, record: UUID) -> None:
    page = people.staff.post(f"/records/{record}/share", form(change="yes")).content.decode()

    assert set(re.findall(r'name="fields" value="([^"]+)" checked', page)) == set(FIELDS)
    assert 'value="meridian-bank" selected' in page
    assert not Share.objects.exists()


def test_the_recipient_finds_it_verified_and_sees_nothing_else(people: People, record: UUID) -> None:
    share(people.staff, record)

    inbox = text_of(people.partner.get("/inbox"))
    assert "Northwind Parts" in inbox
    assert "verified" in inbox
    bundle = people.partner.get(f"/bundles/{Share.objects.get().pk}")
    text = text_of(bundle)
    assert "These 3 fields are unchanged since" in text
    assert "5,355.00 EUR" in text
    assert "Atlas Motors" not in text
    assert "Brake disc" not in text


def test_the_download_is_the_bundle_byte_for_byte(people: People, record: UUID) -> None:
    share(people.staff, record)
    kept = Share.objects.get()

    for person in (people.partner, people.viewer):
        response = person.get(f"/bundles/{kept.pk}/file")
        assert response.content == bytes(kept.bundle)
        assert "attachment" in response["Content-Disposition"]


def test_a_bundle_is_new_until_the_recipient_opens_it(people: People, record: UUID) -> None:
    share(people.staff, record)
    page = f"/bundles/{Share.objects.get().pk}"

    people.staff.get(page)
    assert "1 not opened yet" in text_of(people.partner.get("/"))

    people.partner.get(page)
    assert "not opened yet" not in text_of(people.partner.get("/"))


def test_the_record_tells_who_has_seen_what(people: People, record: UUID) -> None:
    share(people.staff, record)

    text = text_of(people.viewer.get(f"/records/{record}"))

    assert "Meridian Bank number, currency and payable amount" in text
    assert people.staff.user.email in text


def test_a_form_that_is_sent_twice_shares_once(people: People, world: World, record: UUID) -> None:
    twice = str(uuid4())

    first, second = (share(people.staff, record, request=twice) for _ in range(2))

    assert first["Location"] == second["Location"]
    assert Share.objects.count() == 1
    assert len(world.pool.record(record).disclosures) == 1


def test_two_organisations_may_hit_on_the_same_number(people: People, world: World, record: UUID) -> None:
    same = uuid4()
    Share.objects.create(
        sender=people.stranger.organisation, recipient=people.partner.organisation, request=same, bundle=b"{}"
    )

    assert share(people.staff, record, request=str(same)).status_code == 302
    assert Share.objects.filter(sender=people.staff.organisation).count() == 1


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"recipient": ""}, "Choose who is to receive it"),
        ({"recipient": "nobody"}, "Choose who is to receive it"),
        ({"recipient": "northwind-parts"}, "Choose who is to receive it"),
        ({"fields": []}, "Choose at least one field"),
        ({"fields": ["no_such_field"]}, "Choose at least one field"),
    ],
)
def test_an_incomplete_choice_is_said_so(changes: dict[str, Any], complaint: str, people: People, record: UUID) -> None:
    response = share(people.staff, record, **changes)

    assert response.status_code == 400
    assert complaint in text_of(response)
    assert not Share.objects.exists()


def test_a_record_that_is_not_final_waits(people: People, world: World) -> None:
    record = world.record()

    for response in (people.staff.get(f"/records/{record}/share"), share(people.staff, record)):
        assert "The record is not final" in text_of(response)
        assert b'hx-trigger="every 1s"' in response.content
    assert not Share.objects.exists()


def test_a_refuted_bundle_is_called_so_in_the_inbox(people: People, world: World, record: UUID) -> None:
    spoiled = world.bundle(record, "number").replace(b'"checksum":"', b'"checksum":"0', 1)
    bundle = json.loads(spoiled)
    checksum = bundle["checksum"][:64]
    spoiled = spoiled.replace(bundle["checksum"].encode(), checksum.encode())
    kept = Share.objects.create(
        sender=people.staff.organisation, recipient=people.partner.organisation, request=uuid4(), bundle=spoiled
    )

    assert "refuted" in text_of(people.partner.get("/inbox"))
    text = text_of(people.partner.get(f"/bundles/{kept.pk}"))
    assert "This proof does not hold" in text
    assert "It fails at step 1" in text


def test_a_bundle_that_nobody_can_read_brings_no_page_down(people: People) -> None:
    kept = Share.objects.create(
        sender=people.staff.organisation, recipient=people.partner.organisation, request=uuid4(), bundle=b"{}"
    )

    assert "not readable" in text_of(people.partner.get("/inbox"))
    assert "cannot be read as a proof" in text_of(people.partner.get(f"/bundles/{kept.pk}"))


def test_a_long_inbox_goes_on_where_it_ended(people: People, world: World, record: UUID) -> None:
    bundle = world.bundle(record, "number")
    for _ in range(20):
        Share.objects.create(
            sender=people.staff.organisation, recipient=people.partner.organisation, request=uuid4(), bundle=bundle
        )

    first = people.partner.get("/inbox").content.decode()
    link = re.search(r'href="(\?before=[^"]+)"', first)

    assert link
    assert first.count("Download the proof") == 15
    assert people.partner.get(f"/inbox{link[1]}").content.decode().count("Download the proof") == 5
    assert people.partner.get("/inbox?before=nonsense").status_code == 200
