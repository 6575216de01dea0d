"""Signing in and out, and for whom one acts then."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts import throttle
from apps.accounts.models import Membership, SignInFailures
from apps.accounts.roles import Role
from tests.portal.people import PASSWORD, People, text_of

OWNER = {"email": "owner@northwind-parts.example", "password": PASSWORD}


def sign_in(client: Client, *, address: str = "192.0.2.1", **form: str) -> str:
    """Where it leads, or what the page says then."""
    response = client.post("/sign-in", OWNER | form, REMOTE_ADDR=address)
    return response["Location"] if response.status_code == 302 else text_of(response)


def test_the_right_password_opens_the_overview(people: People) -> None:
    client = Client()

    assert sign_in(client) == "/"
    assert "Northwind Parts" in text_of(client.get("/"))


def test_an_address_may_be_written_in_capitals(people: People) -> None:
    assert sign_in(Client(), email="Owner@Northwind-Parts.Example") == "/"


def test_a_wrong_password_and_an_unknown_address_sound_the_same(people: People) -> None:
    wrong = sign_in(Client(), password="wrong")

    assert "do not belong together" in wrong
    assert wrong == sign_in(Client(), email="nobody@northwind-parts.example", password="wrong").replace(
        "nobody@northwind-parts.example", OWNER["email"]
    )


def test_who_asked_for_a_page_is_led_there(people: People) -> None:
    client = Client()
    asked = client.get("/records")

    assert asked["Location"] == "/sign-in?next=/records"
    assert sign_in(client, next="/records") == "/records"


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "http:evil.example"]
)
def test_nobody_is_led_to_another_site(target: str, people: People) -> None:
    assert sign_in(Client(), next=target) == "/"


def test_an_account_that_was_closed_opens_nothing(people: People) -> None:
    people.owner.user.is_active = False
    people.owner.user.save()

    assert "do not belong together" in sign_in(Client())
    assert people.owner.get("/records").status_code == 302


def test_guessing_at_one_address_is_stopped_wherever_it_comes_from(people: People) -> None:
    for attempt in range(throttle.PER_ADDRESS):
        assert "do not belong together" in sign_in(Client(), address=f"192.0.2.{attempt}", password="wrong")

    assert "Too many failed attempts" in sign_in(Client(), address="198.51.100.7")
    assert sign_in(Client(), email="staff@northwind-parts.example") == "/"


def test_guessing_from_one_place_is_stopped_whoever_is_tried(people: People) -> None:
    for attempt in range(throttle.PER_PLACE):
        sign_in(Client(), email=f"somebody{attempt}@example.org", password="wrong")

    assert "Too many failed attempts" in sign_in(Client())
    assert sign_in(Client(), address="198.51.100.7") == "/"


def test_after_a_while_one_may_try_again(people: People) -> None:
    for _ in range(throttle.PER_ADDRESS):
        sign_in(Client(), password="wrong")
    SignInFailures.objects.update(since=timezone.now() - throttle.WINDOW - timedelta(seconds=1))

    assert sign_in(Client()) == "/"


def test_success_forgets_the_failures_of_the_address(people: People) -> None:
    for _ in range(throttle.PER_ADDRESS - 1):
        sign_in(Client(), password="wrong")
    assert sign_in(Client()) == "/"

    assert "do not belong together" in sign_in(Client(), password="wrong")


def test_no_address_is_kept_with_the_failures(people: People) -> None:
    sign_in(Client(), password="wrong")

    kept = [bytes(row.key) for row in SignInFailures.objects.all()]
    assert len(kept) == 2
    assert all(len(key) == 32 for key in kept)


def test_signing_out_ends_the_session(people: People) -> None:
    people.owner.post("/sign-out")

    assert people.owner.get("/records").status_code == 302


def test_a_new_password_ends_the_other_sessions(people: People) -> None:
    elsewhere = Client()
    sign_in(elsewhere)

    new = "four other unrelated words"
    people.owner.post("/password", {"current": PASSWORD, "password": new, "repeated": new})

    assert people.owner.get("/records").status_code == 200
    assert elsewhere.get("/records").status_code == 302
    assert sign_in(Client(), password=new) == "/"


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ({"current": "wrong", "password": "four other unrelated words"}, "not your current password"),
        ({"current": PASSWORD, "password": "short"}, "too short"),
        ({"current": PASSWORD, "password": "passwordpassword", "repeated": "another"}, "two passwords differ"),
    ],
)
def test_a_password_is_not_changed_for_nothing(form: dict[str, str], complaint: str, people: People) -> None:
    response = people.owner.post("/password", {"repeated": form["password"]} | form)

    assert complaint in text_of(response)
    assert sign_in(Client()) == "/"


def test_who_acts_for_two_organisations_chooses(people: People) -> None:
    bank = people.partner.organisation
    Membership.objects.create(user=people.owner.user, organisation=bank, role=Role.VIEWER)
    assert "Act for Northwind Parts" in text_of(people.owner.get("/"))  # Meridian Bank comes first by name.

    people.owner.post("/organisation", {"organisation": people.owner.organisation.pk})

    assert people.owner.get("/records").status_code == 200
    people.owner.post("/organisation", {"organisation": bank.pk})
    assert people.owner.get("/records").status_code == 404


def test_nobody_chooses_an_organisation_of_others(people: People) -> None:
    assert people.owner.post("/organisation", {"organisation": people.partner.organisation.pk}).status_code == 404
    assert people.owner.post("/organisation", {"organisation": "1 OR 1=1"}).status_code == 404


def test_who_acts_for_nobody_is_told_so(people: People) -> None:
    people.viewer.user.memberships.all().delete()

    response = people.viewer.get("/records")

    assert response.status_code == 403
    assert "You act for no organisation" in text_of(response)


def test_a_fragment_asks_the_page_to_go_to_the_sign_in(people: People) -> None:
    response = people.anonymous.get("/records", headers={"HX-Request": "true"})

    assert response["HX-Refresh"] == "true"
    assert response.content == b""
