"""Who opens the pages: three people of a supplier, and people of everybody else."""

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

from django.http import HttpResponse
from django.test import Client

from apps.accounts.actor import Actor
from apps.accounts.models import Organisation, User
from apps.accounts.roles import Role
from apps.accounts.services import organisation_create, user_create
from audit_chain.testing import SUPPLIER
from tests.api.cast import PARTNER, REGULATOR, STRANGER

PASSWORD = "three unrelated words"
HTMX = {"HX-Request": "true"}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a browser."""

    name: str
    client: Client
    user: User | None = None
    organisation: Organisation | None = None

    @property
    def actor(self) -> Actor:
        assert self.user
        assert self.organisation
        role = self.user.memberships.get(organisation=self.organisation).role
        return Actor(organisation=self.organisation, role=Role(role), name=self.user.email, user=self.user)

    def get(self, path: str, **options: Any) -> HttpResponse:
        return self.client.get(path, **options)

    def post(self, path: str, form: dict[str, Any] | None = None, **options: Any) -> HttpResponse:
        return self.client.post(path, form or {}, **options)


@dataclass(frozen=True, slots=True)
class People:
    owner: Person
    staff: Person
    viewer: Person
    partner: Person
    regulator: Person
    stranger: Person
    anonymous: Person

    def everybody(self) -> tuple[Person, ...]:
        return (self.owner, self.staff, self.viewer, self.partner, self.regulator, self.stranger, self.anonymous)


def make_people() -> People:
    supplier = organisation_create(name=SUPPLIER, display_name="Northwind Parts", kind="supplier", pool=SUPPLIER)
    stranger = organisation_create(name=STRANGER, display_name="Lotus Electronics", kind="supplier", pool=STRANGER)
    partner = organisation_create(name=PARTNER, display_name="Meridian Bank", kind="bank")
    regulator = organisation_create(name=REGULATOR, display_name="Market Regulator", kind="regulator")
    return People(
        owner=make_person("owner", supplier, Role.OWNER),
        staff=make_person("staff", supplier, Role.STAFF),
        viewer=make_person("viewer", supplier, Role.VIEWER),
        partner=make_person("partner", partner, Role.OWNER),
        regulator=make_person("regulator", regulator, Role.OWNER),
        stranger=make_person("stranger", stranger, Role.OWNER),
        anonymous=Person("anonymous", Client()),
    )


def make_person(name: str, organisation: Organisation, role: Role) -> Person:
    """Somebody who has signed in."""
    email = f"{name}@{organisation.name}.example"
    user = user_create(email=email, password=PASSWORD, organisation=organisation, role=role, full_name=name.title())
    client = Client()
    client.force_login(user)
    return Person(name, client, user, organisation)


def text_of(response: HttpResponse) -> str:
    """What a page says, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())
