"""Every page, asked by everybody. A page without a row fails here."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from apps.accounts.models import ApiToken, Invitation, Membership
from apps.accounts.roles import Role
from apps.accounts.services import member_invite, token_create, user_create
from apps.exchange.models import Share
from apps.portal.urls import urlpatterns
from tests.api.cast import PARTNER, World, numbers
from tests.pool.cast import bring_in, invoice, upload
from tests.portal.people import PASSWORD, People, Person, text_of

HIDDEN = "Canary of matrix"
"""Stands in every record of the supplier's, and is disclosed to nobody."""

SIGN_IN = "sign-in"  # what everybody else gets: a status, or to be led there


class Things:
    """What there is to ask for; what a page uses up is made anew for each visitor."""

    def __init__(self, world: World, people: People) -> None:
        self.world, self.people = world, people
        batch = bring_in(world.pool, upload(self.document()))
        (item,) = world.pool.items(batch.id)
        assert item.record_id
        self.batch: UUID = batch.id
        self.record: UUID = item.record_id
        world.finish()
        self.share = self._share()
        self.digest = secrets.token_hex(32)
        world.chain.queue.append(world.network.deposit(bytes.fromhex(self.digest)))
        world.chain.make_block()
        (self.deposit,) = world.chain.deposits(self.digest)

    def document(self, number: str | None = None) -> dict[str, Any]:
        return invoice(number or next(numbers), lines=[{"name": HIDDEN}])

    def stored(self, **changes: Any) -> UUID:
        return self.world.record(lines=[{"name": HIDDEN}], **changes)

    def pair(self) -> dict[str, UUID]:
        number = next(numbers)
        return {"older_id": self.stored(number=number), "record_id": self.stored(number=number, due_date="2027-02-02")}

    def file(self) -> SimpleUploadedFile:
        return SimpleUploadedFile("invoice.json", upload(self.document()).data, "application/json")

    def proof(self) -> SimpleUploadedFile:
        return SimpleUploadedFile("proof.json", bytes(self.share.bundle), "application/json")

    def member(self) -> Membership:
        supplier = self.people.owner.organisation
        assert supplier
        email = f"{secrets.token_hex(4)}@example.org"
        user = user_create(email=email, password=PASSWORD, organisation=supplier, role=Role.VIEWER)
        return user.memberships.get()

    def invitation(self) -> tuple[Invitation, str]:
        return member_invite(actor=self.people.owner.actor, email=f"{secrets.token_hex(4)}@example.org", role="staff")

    def token(self) -> ApiToken:
        return token_create(actor=self.people.owner.actor, label="program", role="viewer")[0]

    def offence(self) -> int:
        """Index of the entry that proves an offence."""
        found = self.world.chain.offences()
        return found[0].entry.index if found else self.world.catch_liar()

    def _share(self) -> Share:
        supplier, partner = self.people.owner.organisation, self.people.partner.organisation
        bundle = self.world.bundle(self.record, "number")
        return Share.objects.create(sender=supplier, recipient=partner, request=uuid4(), bundle=bundle)


@dataclass(frozen=True, slots=True)
class Row:
    """How to ask, and what everybody gets: a status, or where they are led."""

    answers: dict[str, int | str]
    arguments: Callable[[Things], dict[str, Any]] = lambda _: {}
    form: Callable[[Things], dict[str, Any]] = lambda _: {}
    query: Callable[[Things], dict[str, Any]] = field(default=lambda _: {})


def answers(
    own: int | str, *, staff: int | str | None = None, viewer: int | str | None = None, others: int | str = 404,
    regulator: int | str | None = None, stranger: int | str | None = None, anonymous: int | str = SIGN_IN,
) -> dict[str, int | str]:  # fmt: skip
    """The supplier's people get `own`, those of other organisations `others`."""
    return {
        "owner": own,
        "staff": own if staff is None else staff,
        "viewer": own if viewer is None else viewer,
        "partner": others,
        "regulator": others if regulator is None else regulator,
        "stranger": others if stranger is None else stranger,
        "anonymous": anonymous,
    }


FOR_ALL = answers(200, others=200, anonymous=200)
FOR_MEMBERS = answers(200, others=200)
OWN_LIST = answers(200, stranger=200)  # A stranger has a pool of its own, and sees that.
OWN_THING = answers(200)
FOR_STAFF = answers(200, viewer=403)
FOR_OWNERS = answers(200, staff=403, viewer=403, others=200)  # Everybody else here owns another organisation.
BY_OWNERS = answers("members", staff=403, viewer=403, others=404)


def record(things: Things) -> dict[str, Any]:
    return {"record_id": things.record}


ROWS = {
    "GET overview": Row(FOR_ALL),
    "GET developers": Row(FOR_ALL),
    "GET verify": Row(FOR_ALL),
    "POST verify": Row(FOR_ALL, form=lambda things: {"bundle": things.proof()}),
    "GET policy": Row(FOR_ALL),
    "GET evidence": Row(FOR_ALL),
    "POST evidence": Row(FOR_ALL, form=lambda things: {"sha256": things.digest}),
    "POST evidence-proof": Row(FOR_ALL, form=lambda things: {"sha256": things.digest, "index": things.deposit.index}),
    "GET sign-in": Row(answers("overview", others="overview", anonymous=200)),
    "POST sign-in": Row(FOR_ALL, form=lambda _: {"email": "nobody@example.org", "password": "wrong"}),
    "POST sign-out": Row(answers("overview", others="overview", anonymous="overview")),
    "POST organisation": Row(
        answers("overview", others=404, anonymous=404),
        form=lambda things: {"organisation": things.people.owner.organisation.pk},
    ),
    "GET password": Row(FOR_MEMBERS),
    "POST password": Row(FOR_MEMBERS, form=lambda _: {"current": "wrong", "password": "x", "repeated": "x"}),
    "GET invitation": Row(FOR_ALL, query=lambda things: {"token": things.invitation()[1]}),
    "POST invitation": Row(
        answers(403, others=403, anonymous="overview"),
        query=lambda things: {"token": things.invitation()[1]},
        form=lambda _: {"full_name": "New", "password": PASSWORD, "repeated": PASSWORD},
    ),
    "GET members": Row(FOR_OWNERS),
    "POST members": Row(FOR_OWNERS, form=lambda _: {"email": "new@example.org", "role": "staff"}),
    "POST member-role": Row(
        BY_OWNERS, lambda things: {"membership_id": things.member().pk}, form=lambda _: {"role": "staff"}
    ),
    "POST member-remove": Row(BY_OWNERS, lambda things: {"membership_id": things.member().pk}),
    "POST invitation-withdraw": Row(BY_OWNERS, lambda things: {"invitation_id": things.invitation()[0].pk}),
    "GET tokens": Row(FOR_OWNERS),
    "POST tokens": Row(FOR_OWNERS, form=lambda _: {"label": "program", "role": "viewer"}),
    "POST token-revoke": Row(answers("tokens", staff=403, viewer=403), lambda things: {"token_id": things.token().pk}),
    "GET imports": Row(answers(200, viewer=403, stranger=200)),
    "POST imports": Row(answers("import", viewer=403, stranger="import"), form=lambda things: {"files": things.file()}),
    "GET import": Row(OWN_THING, lambda things: {"import_id": things.batch}),
    "GET records": Row(OWN_LIST),
    "POST records": Row(OWN_LIST, form=lambda things: {"text": str(things.record)}),
    "GET record": Row(OWN_THING, record),
    "GET record-fields": Row(OWN_THING, record),
    "GET life": Row(OWN_THING, record),
    "GET original": Row(OWN_THING, record),
    "GET share": Row(FOR_STAFF, record),
    "POST share": Row(
        answers("bundle", viewer=403),
        record,
        form=lambda _: {"fields": ["number"], "recipient": PARTNER, "request": uuid4(), "confirmed": "yes"},
    ),
    "GET deposit": Row(FOR_STAFF, record),
    "POST deposit": Row(
        answers("record", viewer=403),
        lambda things: {"record_id": things.stored()},
        form=lambda _: {"understood": "yes"},
    ),
    "GET replaces": Row(FOR_STAFF, lambda things: things.pair()),
    "POST replaces": Row(answers("record", viewer=403), lambda things: things.pair()),
    "GET inbox": Row(FOR_MEMBERS),
    "GET given": Row(FOR_MEMBERS),
    "GET bundle": Row(OWN_THING | {"partner": 200}, lambda things: {"share_id": things.share.pk}),
    "GET bundle-file": Row(OWN_THING | {"partner": 200}, lambda things: {"share_id": things.share.pk}),
    "POST evidence-deposit": Row(
        answers("evidence", viewer=403, others="evidence"),
        form=lambda _: {"sha256": secrets.token_hex(32), "understood": "yes"},
    ),
    "POST evidence-answer": Row(FOR_ALL, form=lambda things: {"sha256": things.digest}),
    "GET network": Row(FOR_MEMBERS),
    "GET live": Row(FOR_MEMBERS),
    "POST network-search": Row(FOR_MEMBERS, form=lambda _: {"query": "nothing of this name"}),
    "GET epochs": Row(FOR_MEMBERS),
    "GET epoch": Row(FOR_MEMBERS, lambda _: {"number": 1}),
    "GET blocks": Row(FOR_MEMBERS),
    "GET validators": Row(FOR_MEMBERS),
    "GET validator": Row(FOR_MEMBERS, lambda _: {"name": "meridian-bank"}),
    "GET pool": Row(FOR_MEMBERS, lambda _: {"name": "northwind-parts"}),
    "GET pool-proof": Row(FOR_MEMBERS, lambda _: {"name": "northwind-parts"}),
    "GET motions": Row(FOR_MEMBERS),
    "GET offences": Row(FOR_MEMBERS),
    "GET offence-file": Row(FOR_MEMBERS, lambda things: {"index": things.offence()}),
    "GET block": Row(FOR_MEMBERS, lambda _: {"number": 1}),
    "GET entry": Row(FOR_MEMBERS, lambda _: {"index": 1}),
    "GET entry-proof": Row(FOR_MEMBERS, lambda _: {"index": 1}),
    "GET pools": Row(answers(404, regulator=200)),
    "GET alerts": Row(answers(404, regulator=200)),
    "POST alert-file": Row(
        answers(404, regulator=200), form=lambda things: {"evidence": things.world.alert().evidence}
    ),
}

POST_ONLY = {
    "sign-out", "organisation", "member-role", "member-remove", "invitation-withdraw", "token-revoke",
    "evidence-proof", "evidence-deposit", "evidence-answer", "network-search", "alert-file",
}  # fmt: skip


def pages() -> Iterator[str]:
    """Each page by the method and the name that it is asked by."""
    for pattern in urlpatterns:
        if pattern.name not in POST_ONLY:
            yield f"GET {pattern.name}"
        if pattern.name in POST_ONLY or f"POST {pattern.name}" in ROWS:
            yield f"POST {pattern.name}"


@pytest.fixture
def things(world: World, people: People) -> Things:
    return Things(world, people)


def ask(person: Person, page: str, row: Row, things: Things) -> Any:
    method, name = page.split()
    path = reverse(f"portal:{name}", kwargs=row.arguments(things))
    query = row.query(things)
    if method == "GET":
        return person.get(path, query_params=query)
    return person.client.post(path, row.form(things), query_params=query)


def outcome(response: Any) -> int | str:
    """The status, or the name of the page that it leads to."""
    if response.status_code != 302:
        return int(response.status_code)
    target = response.headers["Location"].split("?")[0]
    names = {reverse("portal:sign-in"): SIGN_IN, "/": "overview"}
    return names.get(target) or (response.wsgi_request.resolver_match and _name_of(target))


def _name_of(path: str) -> str:
    from django.urls import resolve

    return str(resolve(path).url_name)


def test_every_page_has_a_row() -> None:
    assert sorted(pages()) == sorted(ROWS)


@pytest.mark.parametrize("page", ROWS)
def test_everybody_gets_what_is_theirs(page: str, people: People, things: Things) -> None:
    row = ROWS[page]
    got = {}
    for person in people.everybody():
        response = ask(person, page, row, things)
        got[person.name] = outcome(response)
        if person.name not in ("owner", "staff", "viewer"):
            assert HIDDEN not in text_of(response), f"{person.name} reads what is not theirs"
    assert got == row.answers


@pytest.mark.parametrize("page", [page for page in ROWS if page.startswith("POST")])
def test_a_form_of_another_site_changes_nothing(page: str, people: People, things: Things) -> None:
    people.owner.client.handler.enforce_csrf_checks = True

    assert ask(people.owner, page, ROWS[page], things).status_code == 403


@pytest.mark.parametrize("page", [f"GET {name}" for name in sorted(POST_ONLY)])
def test_a_link_alone_changes_nothing(page: str, people: People, things: Things) -> None:
    assert ask(people.owner, page, ROWS[page.replace("GET", "POST")], things).status_code == 405


@pytest.mark.parametrize("page", [page for page in ROWS if "record" in page or "life" in page or "share" in page])
def test_an_id_that_was_guessed_is_not_there(page: str, people: People, things: Things) -> None:
    guessed = Row({}, lambda asked: {name: uuid4() for name in ROWS[page].arguments(asked)}, ROWS[page].form)
    if not ROWS[page].arguments(things):
        return

    assert ask(people.owner, page, guessed, things).status_code == 404
