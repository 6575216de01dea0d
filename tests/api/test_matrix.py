"""Every operation, asked by everybody. An operation without a row fails here."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from apps.accounts.models import Organisation
from apps.api.urls import urlpatterns
from apps.api.views.base import NothingHere
from apps.exchange.models import Share
from audit_chain.testing import SUPPLIER
from tests.api.cast import PARTNER, Caller, Cast, World, error_of, numbers
from tests.pool.cast import bring_in, invoice, upload

HIDDEN = "Canary of matrix"
"""Stands in every record of the supplier's, and is disclosed to nobody."""


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    name: str  # in the URL conf

    def __str__(self) -> str:
        return f"{self.method} {self.name}"


def operations() -> Iterator[Operation]:
    for pattern in urlpatterns:
        view = pattern.callback.cls
        for method in view.http_method_names:
            if method != "head" and (hasattr(view, method) or view is NothingHere):
                yield Operation(method.upper(), pattern.name)


class Things:
    """What there is to ask for. What an operation uses up is made anew for each caller."""

    def __init__(self, world: World, record: UUID, share: UUID, batch: UUID) -> None:
        self.world = world
        self.record = record
        self.share = share
        self.batch = batch
        self.bundle = world.bundle(record, "number")
        self.proven = self._deposit()

    def stored(self, number: str | None = None) -> UUID:
        return self.world.record(lines=[{"name": HIDDEN}], number=number or next(numbers))

    def twins(self) -> tuple[UUID, UUID]:
        number = next(numbers)
        older = self.stored(number)
        return older, self.world.record(lines=[{"name": HIDDEN, "note": "changed"}], number=number)

    def digest(self) -> str:
        return secrets.token_hex(32)

    def caught(self) -> str:
        """The digest of a file that proves an alert."""
        return self.world.alert().evidence or ""

    def _deposit(self) -> dict[str, Any]:
        digest = secrets.token_bytes(32)
        self.world.chain.queue.append(self.world.network.deposit(digest))
        self.world.chain.make_block()
        (deposit,) = self.world.chain.deposits(digest.hex())
        return {"sha256": digest.hex(), "index": deposit.index}


@pytest.fixture
def things(cast: Cast, world: World) -> Things:
    batch = bring_in(world.pool, upload(invoice(next(numbers), lines=[{"name": HIDDEN}])))
    (item,) = world.pool.items(batch.id)
    world.finish()
    assert item.record_id
    sender, recipient = (Organisation.objects.get(name=name) for name in (SUPPLIER, PARTNER))
    share = Share.objects.create(
        sender=sender, recipient=recipient, request=batch.id, bundle=world.bundle(item.record_id, "number")
    )
    return Things(world, item.record_id, share.pk, batch.id)


@dataclass(frozen=True, slots=True)
class Row:
    """How to ask, and what everybody is answered."""

    path: Callable[[Things], str]
    answers: dict[str, int]
    body: Callable[[Things], Any] = lambda _: None


def answers(own: int, *, viewer: int | None = None, others: int = 404, stranger: int | None = None) -> dict[str, int]:
    """The supplier's programs get `own`, other organisations `others`; who has no valid token gets 401."""
    return {
        **dict.fromkeys(("owner", "staff"), own),
        "viewer": own if viewer is None else viewer,
        **dict.fromkeys(("partner", "regulator"), others),
        "stranger": others if stranger is None else stranger,
        **dict.fromkeys(("revoked", "anonymous"), 401),
    }


FOR_ALL = answers(200, others=200) | {"anonymous": 200}
FOR_MEMBERS = answers(200, others=200)
OWN_LIST = answers(200, stranger=200)  # A stranger has a pool of its own, and sees that.
OWN_RECORD = answers(200)

ROWS = {
    "GET schema": Row(lambda _: "schema/", FOR_ALL),
    "GET policy": Row(lambda _: "policy", FOR_ALL),
    "POST verify": Row(lambda _: "verify", FOR_ALL, lambda things: things.bundle),
    "POST evidence-lookup": Row(lambda _: "evidence/lookup", FOR_ALL, lambda things: {"sha256": things.digest()}),
    "POST evidence-proof": Row(lambda _: "evidence/proof", FOR_ALL, lambda things: things.proven),
    "POST evidence-answer": Row(lambda _: "evidence/answer", FOR_ALL, lambda things: {"sha256": things.digest()}),
    "GET me": Row(lambda _: "me", FOR_MEMBERS),
    "GET recipients": Row(lambda _: "recipients", FOR_MEMBERS),
    "GET pool": Row(lambda _: "pool", OWN_LIST),
    "GET imports": Row(lambda _: "imports", OWN_LIST),
    "POST imports": Row(
        lambda _: "imports",
        answers(202, viewer=403, stranger=202),
        lambda _: invoice(next(numbers), lines=[{"name": HIDDEN}]),
    ),
    "GET import": Row(lambda things: f"imports/{things.batch}", OWN_RECORD),
    "GET import-items": Row(lambda things: f"imports/{things.batch}/items", OWN_RECORD),
    "GET records": Row(lambda _: "records", OWN_LIST),
    "POST record-search": Row(lambda _: "records/search", OWN_LIST, lambda things: {"text": str(things.record)}),
    "GET record": Row(lambda things: f"records/{things.record}", OWN_RECORD),
    "GET original": Row(lambda things: f"records/{things.record}/original", OWN_RECORD),
    "POST replacement": Row(
        lambda things: "records/{1}/replacement#{0}".format(*things.twins()),
        answers(204, viewer=403),
        lambda _: {"replaces": "#"},
    ),
    "GET disclosures": Row(lambda things: f"records/{things.record}/disclosures", OWN_RECORD),
    "POST disclosures": Row(
        lambda things: f"records/{things.record}/disclosures",
        answers(201, viewer=403),
        lambda _: {"fields": ["number"], "recipient": PARTNER},
    ),
    "POST original-deposit": Row(lambda things: f"records/{things.stored()}/deposit", answers(202, viewer=403)),
    "GET inbox": Row(lambda _: "inbox", FOR_MEMBERS),
    "GET given": Row(lambda _: "given", FOR_MEMBERS),
    "GET bundle": Row(lambda things: f"bundles/{things.share}", OWN_RECORD | {"partner": 200}),
    "GET bundle-file": Row(lambda things: f"bundles/{things.share}/file", OWN_RECORD | {"partner": 200}),
    "POST evidence": Row(
        lambda _: "evidence", answers(202, viewer=403, others=202), lambda things: {"sha256": things.digest()}
    ),
    "GET network": Row(lambda _: "network", FOR_MEMBERS),
    "GET pools": Row(lambda _: "pools", answers(404) | {"regulator": 200}),
    "GET alerts": Row(lambda _: "alerts", answers(404) | {"regulator": 200}),
    "POST alert-evidence": Row(
        lambda _: "alerts/evidence", answers(404) | {"regulator": 200}, lambda things: {"evidence": things.caught()}
    ),
} | {
    f"{method} nothing": Row(lambda _: "records/1", answers(404) | {"anonymous": 404})
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
}


def test_every_operation_has_a_row() -> None:
    assert {str(operation) for operation in operations()} == ROWS.keys()


def ask(caller: Caller, operation: str, row: Row, things: Things) -> Any:
    path, _, older = row.path(things).partition("#")
    body = row.body(things)
    if body == {"replaces": "#"}:
        body = {"replaces": older}
    if isinstance(body, bytes):
        return caller.ask(operation.split()[0], path, body)
    return caller.ask_json(operation.split()[0], path, body)


@pytest.mark.parametrize("operation", ROWS)
def test_everybody_gets_what_is_theirs(operation: str, cast: Cast, things: Things) -> None:
    row = ROWS[operation]

    responses = {caller.name: ask(caller, operation, row, things) for caller in cast.everybody()}

    assert {name: response.status_code for name, response in responses.items()} == row.answers
    for name, response in responses.items():
        assert response["Cache-Control"] == "no-store"
        if response.status_code >= 400:
            assert error_of(response)["message"]
        if name not in ("owner", "staff", "viewer"):
            assert HIDDEN.encode() not in response.content
        if name in ("regulator", "stranger", "revoked", "anonymous") and operation != "POST verify":
            assert str(things.record).encode() not in response.content


def test_what_another_organisation_has_looks_like_what_nobody_has(cast: Cast, things: Things) -> None:
    """A stranger cannot tell an id of somebody else's from one that was never given out."""
    nothing = UUID("019aac2c-0000-7000-8000-00000000ffff")
    for path, known in (
        ("imports/{}", things.batch),
        ("imports/{}/items", things.batch),
        ("records/{}", things.record),
        ("records/{}/original", things.record),
        ("records/{}/disclosures", things.record),
        ("bundles/{}", things.share),
        ("bundles/{}/file", things.share),
    ):
        assert cast.stranger.get(path.format(known)).content == cast.stranger.get(path.format(nothing)).content


@pytest.mark.parametrize("pattern", urlpatterns, ids=lambda pattern: pattern.name)
def test_other_methods_are_refused_by_name(pattern: Any, cast: Cast, things: Things) -> None:
    if pattern.name == "nothing":
        return
    allowed = {str(operation).split()[0] for operation in operations() if operation.name == pattern.name}
    path = next(row.path(things).partition("#")[0] for name, row in ROWS.items() if name.split()[1] == pattern.name)
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} - allowed:
        response = cast.owner.ask(method, path)
        assert (response.status_code, error_of(response)["code"]) == (405, "method_not_allowed")
        assert set(response["Allow"].split(", ")) - {"HEAD"} == allowed
