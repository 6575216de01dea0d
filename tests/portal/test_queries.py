"""A page asks the portal's database as often for many rows as for one."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Membership
from apps.accounts.roles import Role
from apps.accounts.services import token_create, user_create
from apps.exchange.models import Share
from tests.api.cast import World, numbers
from tests.pool.cast import bring_in, invoice, upload
from tests.portal.people import PASSWORD, People

MOST = 12  # queries of one page, the session and the user among them


def count(ask: Callable[[], Any]) -> int:
    ask()  # What is cached for good is cached then.
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert ask().status_code == 200
    return len(captured)


@pytest.mark.parametrize("path", ["/", "/records", "/imports", "/inbox", "/given", "/members", "/tokens"])
def test_more_rows_take_no_more_queries(path: str, people: People, world: World, record: UUID) -> None:
    bundle = world.bundle(record, "number")

    def grow(rows: int) -> None:
        owner, partner = people.owner.organisation, people.partner.organisation
        for _ in range(rows):
            Share.objects.create(sender=owner, recipient=partner, request=uuid4(), bundle=bundle)
            Share.objects.create(sender=partner, recipient=owner, request=uuid4(), bundle=bundle)
            email = f"{uuid4()}@example.org"
            user = user_create(email=email, password=PASSWORD, organisation=owner, role=Role.VIEWER)
            Membership.objects.create(user=user, organisation=partner, role=Role.VIEWER)
            token_create(actor=people.owner.actor, label="program", role="viewer")
            bring_in(world.pool, upload(invoice(next(numbers))))

    grow(1)
    few = count(lambda: people.owner.get(path))
    grow(7)
    many = count(lambda: people.owner.get(path))

    assert few == many <= MOST


@pytest.mark.parametrize("view", ["", "/fields", "/life", "/share"])
def test_a_record_takes_few_queries_however_often_it_was_shared(
    view: str, people: People, world: World, record: UUID
) -> None:
    path = f"/records/{record}{view}"
    before = count(lambda: people.owner.get(path))
    for _ in range(5):
        world.bundle(record, "number")

    assert count(lambda: people.owner.get(path)) == before <= MOST


@pytest.mark.parametrize(
    "path",
    [
        "/network",
        "/network/epochs",
        "/network/epochs/1",
        "/network/blocks/1",
        "/network/validators",
        "/network/motions",
    ],
)
def test_a_longer_chain_takes_no_more_queries(path: str, people: People, world: World, record: UUID) -> None:
    before = count(lambda: people.partner.get(path))
    world.chain.make_block()

    assert count(lambda: people.partner.get(path)) == before <= MOST
