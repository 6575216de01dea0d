"""Members and tokens, in an owner's hands."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import urlsplit

from django.test import Client
from django.utils import timezone

from apps.accounts.models import ApiToken, Invitation, Membership, User
from apps.accounts.roles import Role
from apps.accounts.tokens import token_digest
from tests.portal.people import PASSWORD, People, text_of

JOIN = {"full_name": "Nina New", "password": PASSWORD, "repeated": PASSWORD}


def invite(people: People, email: str = "nina@northwind-parts.example", role: str = "staff") -> str:
    """The invitation's address, as the page shows it once."""
    response = people.owner.post("/members", {"email": email, "role": role})
    found = re.search(r'id="link">([^<]+)<', response.content.decode())
    assert found, text_of(response)
    address = urlsplit(unescape(found[1]))
    return f"{address.path}?{address.query}"


def test_whoever_has_the_link_joins_and_is_signed_in(people: People) -> None:
    client, link = Client(), invite(people)

    assert "You are invited as staff" in text_of(client.get(link))
    assert client.post(link, JOIN)["Location"] == "/"
    assert client.get("/records").status_code == 200
    member = Membership.objects.get(user__email="nina@northwind-parts.example")
    assert (member.role, member.organisation) == (Role.STAFF, people.owner.organisation)


def test_a_link_works_once(people: People) -> None:
    link = invite(people)
    Client().post(link, JOIN)

    assert Client().get(link).status_code == 404
    assert Client().post(link, JOIN).status_code == 404


def test_a_link_gets_old(people: People) -> None:
    link = invite(people)
    Invitation.objects.update(expires=timezone.now() - timedelta(seconds=1))

    assert Client().get(link).status_code == 404


def test_a_link_that_was_withdrawn_opens_nothing(people: People) -> None:
    link = invite(people)
    people.owner.post(f"/invitations/{Invitation.objects.get().pk}/withdraw")

    assert Client().get(link).status_code == 404


def test_a_second_invitation_makes_the_first_one_useless(people: People) -> None:
    first, second = invite(people), invite(people)

    assert Client().get(first).status_code == 404
    assert Client().get(second).status_code == 200


def test_an_account_is_not_let_in_by_its_address_alone(people: People) -> None:
    """Somebody may have opened it in the name of the one who is meant."""
    link = invite(people, email=people.stranger.user.email)

    assert "There is an account with this address already" in text_of(Client().get(link))
    assert Client().post(link, JOIN).status_code == 200
    assert not people.stranger.user.memberships.filter(organisation=people.owner.organisation).exists()

    people.stranger.post(link)
    assert people.stranger.user.memberships.filter(organisation=people.owner.organisation).exists()


def test_somebody_else_s_account_does_not_join_by_the_link(people: People) -> None:
    link = invite(people)

    assert people.stranger.post(link).status_code == 403
    assert not people.stranger.user.memberships.filter(organisation=people.owner.organisation).exists()


def test_a_weak_password_joins_nobody(people: People) -> None:
    link = invite(people)

    response = Client().post(link, JOIN | {"password": "password", "repeated": "password"})

    assert "too short" in text_of(response)
    assert not User.objects.filter(email="nina@northwind-parts.example").exists()


def test_a_member_is_not_invited_again(people: People) -> None:
    response = people.owner.post("/members", {"email": people.staff.user.email, "role": "viewer"})

    assert "is a member already" in text_of(response)


def test_who_is_removed_reads_nothing_from_then_on(people: People) -> None:
    people.owner.post(f"/members/{people.staff.user.memberships.get().pk}/remove")

    assert people.staff.get("/records").status_code == 403


def test_a_new_role_counts_at_once(people: People) -> None:
    people.owner.post(f"/members/{people.viewer.user.memberships.get().pk}/role", {"role": "staff"})

    assert people.viewer.get("/imports").status_code == 200


def test_the_last_owner_stays(people: People) -> None:
    membership = people.owner.user.memberships.get()

    assert "This is the last owner" in text_of(people.owner.post(f"/members/{membership.pk}/remove", follow=True))
    assert "This is the last owner" in text_of(
        people.owner.post(f"/members/{membership.pk}/role", {"role": "viewer"}, follow=True)
    )
    membership.refresh_from_db()
    assert membership.role == Role.OWNER


def test_an_owner_who_gives_the_role_away_is_led_elsewhere(people: People) -> None:
    people.owner.post(f"/members/{people.staff.user.memberships.get().pk}/role", {"role": "owner"})

    own = people.owner.user.memberships.get().pk
    assert people.owner.post(f"/members/{own}/role", {"role": "viewer"})["Location"] == "/"
    assert people.owner.get("/members").status_code == 403


def test_a_role_that_there_is_not_is_refused(people: People) -> None:
    membership = people.staff.user.memberships.get()

    assert people.owner.post(f"/members/{membership.pk}/role", {"role": "emperor"}).status_code == 400


def test_a_token_is_shown_once_and_kept_as_a_digest(people: People) -> None:
    response = people.owner.post("/tokens", {"label": "nightly import", "role": "staff"})

    found = re.search(r'id="token">(ts_[^<]+)<', response.content.decode())
    assert found
    assert bytes(ApiToken.objects.get().digest) == token_digest(found[1])
    assert found[1] not in people.owner.get("/tokens").content.decode()


def test_a_revoked_token_is_shown_as_such(people: People) -> None:
    people.owner.post("/tokens", {"label": "nightly import", "role": "staff"})

    people.owner.post(f"/tokens/{ApiToken.objects.get().pk}/revoke")

    assert "revoked" in text_of(people.owner.get("/tokens"))
    assert ApiToken.objects.get().revoked is not None


def test_no_page_makes_a_token_that_owns_the_organisation(people: People) -> None:
    people.owner.post("/tokens", {"label": "too strong", "role": "owner"})

    assert not ApiToken.objects.exists()
