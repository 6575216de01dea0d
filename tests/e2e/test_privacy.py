"""What outsiders learn: a hundred marks in documents of every kind, and the search for them everywhere else."""

import csv
import io
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.launch import postgres
from tests.e2e.enterprise import Enterprise, api_url, checked, until
from tests.e2e.invoices import TEXTS, invoice, numbered
from tests.e2e.marks import (
    Marks,
    dump,
    files_below,
    fingerprints,
    found_in,
    text_found_in,
    value_fingerprints,
)
from tests.stack import Stack

RECIPIENT = "meridian-bank"
DATABASES = ("BEACON_DATABASE_URL", "CELERY_BROKER_URL", "PORTAL_DATABASE_URL")


@dataclass(slots=True)
class Secrets:
    """What was brought in, what became of it, and what lay around then.

    `hidden` marks are never shown to anybody, `shown` ones only to the bank, in a bundle.
    """

    hidden: Marks = field(default_factory=Marks)
    shown: Marks = field(default_factory=Marks)
    taken: dict[str, bytes] = field(default_factory=dict)
    refused: dict[str, bytes] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    originals: list[bytes] = field(default_factory=list)
    waiting: dict[str, bytes] = field(default_factory=dict)  # the broker, while tasks waited in it
    places: dict[str, bytes] = field(default_factory=dict)  # everything of the network but pools and portal
    portal: dict[str, bytes] = field(default_factory=dict)
    pool: dict[str, bytes] = field(default_factory=dict)
    deposited: bytes = b""

    def make_documents(self) -> None:
        mark = self.hidden.new
        for number in islice(numbered("CANARY"), 3):
            texts = {place: mark() for place in TEXTS}
            texts["number"] = f"{number} {texts['number']}"
            self.taken[f"{mark()}.xml"] = invoice(**texts)
        self.taken[f"{self.hidden.word()}.xml"] = credit_note({place: mark() for place in TEXTS})
        self.taken[f"{mark()}.xml"] = invoice(**{place: self.shown.new() for place in TEXTS})
        self.taken[f"{mark()}.csv"] = self._table(rows=4)
        one = self._object() | {"kind": "order"}
        self.taken[f"{self.hidden.word()}.json"] = json.dumps(one).encode()
        self.taken[f"{mark()}.json"] = json.dumps([self._object(), self._object()], ensure_ascii=False).encode()
        self.refused = {
            f"{mark()}.xml": invoice(mark())[:-40],
            f"{mark()} doctype.xml": invoice(mark()).replace(b"<Invoice", b"<!DOCTYPE Invoice []><Invoice", 1),
            f"{mark()}.csv": f'number,{mark()}\n"{mark()}'.encode(),
            f"{mark()}.json": f'{{"number": "{mark()}", "number": "{mark()}", "{mark()}": 1.5}}'.encode(),
            f"{mark()}.bin": mark().encode("utf-16"),
        }

    def _table(self, *, rows: int) -> bytes:
        mark, text = self.hidden.new, io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["number", "issue_date", "currency", "payable_amount", "seller.name", "buyer.name", mark()])
        for row in range(rows):
            writer.writerow([mark(), "2026-11-02", "EUR", f"{row + 1}.00", mark(), mark(), mark()])
        return text.getvalue().encode()

    def _object(self) -> dict[str, Any]:
        mark = self.hidden.new
        return {
            "kind": "invoice",
            "number": mark(),
            "issue_date": "2026-11-02",
            "currency": "EUR",
            "payable_amount": "77.00",
            "seller": {"name": mark(), "vat_id": self.hidden.word()},
            "buyer": {"name": mark(), "address": {"city": mark()}},
            "notes": [mark()],
        }

    @property
    def values(self) -> set[Any]:
        """Every value of every field of every record."""
        return {value for record in self.records.values() for value in record["fields"].values()}


def credit_note(texts: dict[str, str]) -> bytes:
    return (
        invoice(**texts)
        .replace(b"xsd:Invoice-2", b"xsd:CreditNote-2")
        .replace(b"<Invoice ", b"<CreditNote ")
        .replace(b"</Invoice>", b"</CreditNote>")
        .replace(b"InvoiceTypeCode>380</cbc:InvoiceTypeCode", b"CreditNoteTypeCode>381</cbc:CreditNoteTypeCode")
        .replace(b"InvoiceLine>", b"CreditNoteLine>")
        .replace(b"InvoicedQuantity", b"CreditedQuantity")
        .replace(b"  <cbc:DueDate>2026-12-02</cbc:DueDate>\n", b"")
    )


@pytest.fixture(scope="module")
def secrets(stack: Stack, secretive: Enterprise, tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    """Marks in documents, everything done with these that can be done, and then a copy of all that lies around."""
    made = Secrets()
    made.make_documents()
    bring_by_api(made, secretive, stack)
    bring_by_command(made, secretive, tmp_path_factory.mktemp("documents"))
    use(made, secretive, stack)
    deposit_a_public_file(made, secretive, stack)
    secretive.wait_until_settled(secretive.pool())
    for name in DATABASES[:2]:
        made.places |= dump(superuser_url(stack, name))
    made.portal = dump(superuser_url(stack, DATABASES[2]))
    made.pool = dump(secretive.database_url())
    made.places |= files_below(stack.var_dir, apart_from=["postgres", "pools", "keys"])
    return made


def bring_by_api(made: Secrets, enterprise: Enterprise, stack: Stack) -> None:
    """Half of the documents, while no worker runs: their tasks wait in the broker, of which a copy is taken."""
    files = dict(islice((made.taken | made.refused).items(), 0, None, 2))
    stack.stop("worker")
    imports = [enterprise.send({name: data}) for name, data in files.items()]
    body = json.dumps(made._object()).encode()  # The one way in without a file.
    answer = enterprise.http.post("imports", content=body, headers={"Content-Type": "application/json"})
    imports.append(str(checked(answer, 202)["id"]))
    made.waiting = dump(superuser_url(stack, "CELERY_BROKER_URL"))
    stack.start("worker")
    outcomes = [item for import_id in imports for item in enterprise.outcomes(import_id)]
    keep(made, enterprise, [item["record"] for item in outcomes if item["record"]])
    assert {item["name"] for item in outcomes} >= files.keys()


def bring_by_command(made: Secrets, enterprise: Enterprise, folder: Path) -> None:
    """The other half."""
    for name, data in islice((made.taken | made.refused).items(), 1, None, 2):
        (folder / name).write_bytes(data)
    outcome = enterprise.import_by_command(folder)
    assert outcome.refused
    keep(made, enterprise, [item["record"] for item in outcome.accepted])


def keep(made: Secrets, enterprise: Enterprise, records: list[str]) -> None:
    for record in records:
        made.records[record] = enterprise.record(record)
        made.originals.append(enterprise.http.get(f"records/{record}/original").content)


def use(made: Secrets, enterprise: Enterprise, stack: Stack) -> None:
    """Searches, mistakes, a disclosure, its verification: whatever takes values through the network."""
    mark, http = made.hidden.new, enterprise.http
    found = checked(http.post("records/search", json={"number": made.hidden.made[0]}))
    assert found["total"] >= 0
    http.post("records/search", json={"text": mark(), "misspelt": mark()})
    http.get("records", params={"limit": mark(), "number": mark()})
    http.post("imports", files=[("files", (mark(), b""))], data={"mapping": mark(), "replaces": mark()})
    http.post("verify", content=mark().encode(), headers={"Content-Type": "application/json"})
    record = next(key for key, value in made.records.items() if value["fields"]["number"] in made.shown.made)
    enterprise.wait_until_final(record)
    bundle = enterprise.disclose(record, ["number", "seller.name", "payable_amount"], recipient=RECIPIENT)
    http.post(f"records/{record}/disclosures", json={"recipient": mark(), "fields": [mark()]})
    verdict = checked(http.post("verify", content=bundle, headers={"Content-Type": "application/json"}))
    assert verdict["verdict"] == "verified"
    for data in made.taken.values():  # Asked after, not deposited.
        answer = http.post("evidence/lookup", json={"sha256": sha256(data).hexdigest()})
        assert checked(answer)["deposits"] == []


def deposit_a_public_file(made: Secrets, enterprise: Enterprise, stack: Stack) -> None:
    """What a search has to find, where it is worth anything: the digest of a file that was deposited by choice."""
    made.deposited = made.shown.new().encode()
    digest = sha256(made.deposited).hexdigest()
    checked(enterprise.http.post("evidence", json={"sha256": digest}), 202)
    with httpx.Client(base_url=api_url(stack), trust_env=False) as public:

        def is_final() -> bool | None:
            deposits = checked(public.post("evidence/lookup", json={"sha256": digest}))["deposits"]
            return True if deposits and deposits[0]["final"] else None

        until(is_final, what="the deposit to be final")


def superuser_url(stack: Stack, variable: str) -> str:
    return stack.superuser_url(httpx.URL(stack.setting(variable)).path.removeprefix("/"))


def test_a_hundred_marks_went_in_and_come_out_for_their_owner(secrets: Secrets) -> None:
    assert len(secrets.hidden.made) + len(secrets.shown.made) >= 100
    contents = b"\n".join(secrets.originals).decode("utf-8", "replace")
    told = json.dumps(list(secrets.records.values()), ensure_ascii=False) + contents
    refused = b"\n".join([*secrets.refused.values(), "\n".join(secrets.refused).encode()])
    for name, data in secrets.taken.items():
        assert name in told
        planted = [mark for mark in secrets.hidden.made + secrets.shown.made if mark.encode() in data]
        assert all(mark in told for mark in planted)
    assert sum(mark in told for mark in secrets.hidden.made) > 60
    assert secrets.hidden.beginning.encode() in refused


def test_no_mark_lies_anywhere_outside_the_pool_and_the_portal(secrets: Secrets) -> None:
    assert text_found_in(secrets.places, secrets.hidden.beginning) == []
    assert text_found_in(secrets.places, secrets.shown.beginning) == []
    assert text_found_in(secrets.waiting, secrets.hidden.beginning) == []
    assert text_found_in(secrets.waiting, secrets.shown.beginning) == []


def test_no_digest_of_a_value_or_a_document_lies_anywhere_outside_the_pool(secrets: Secrets) -> None:
    documents = [*secrets.taken.values(), *secrets.refused.values()]
    names = [*secrets.taken, *secrets.refused]
    # The beacon's state counts its pools and members, so the hashes of small numbers stand in its map.
    values = [value for value in secrets.values if len(str(value)) > 2]
    needles = set(value_fingerprints([*values, *names, *secrets.hidden.made]))
    needles |= {needle for data in documents for needle in fingerprints(data).values()}
    assert len(needles) > 1_500
    assert found_in(secrets.places | secrets.waiting | secrets.portal, needles) == []


def test_the_portal_keeps_of_a_document_what_was_disclosed_and_no_more(secrets: Secrets) -> None:
    assert text_found_in(secrets.portal, secrets.hidden.beginning) == []
    disclosed = text_found_in(secrets.portal, secrets.shown.beginning)
    assert {hit.split(":")[1].strip() for hit in disclosed} == {"public.exchange_share"}


def test_the_pools_own_database_shows_nothing_to_who_lacks_its_keys(secrets: Secrets) -> None:
    assert text_found_in(secrets.pool, secrets.hidden.beginning) == []
    assert text_found_in(secrets.pool, secrets.shown.beginning) == []
    needles = {needle for data in secrets.taken.values() for needle in fingerprints(data).values()}
    assert found_in(secrets.pool, needles | set(value_fingerprints(secrets.values))) == []


def test_no_mark_is_left_in_the_database_servers_own_files(stack: Stack, secrets: Secrets) -> None:
    places = files_below(postgres.locate(stack.var_dir).data)
    assert sum(map(len, places.values())) > 10_000_000
    assert text_found_in(places, secrets.hidden.beginning) == []


def test_the_search_finds_what_is_there(stack: Stack, secrets: Secrets, secretive: Enterprise) -> None:
    """Or else the tests above would prove nothing: the same search, for what has to be there."""
    places, pool = secrets.places, secretive.name
    on_the_beacon = {place for place in places if place.startswith("beacon: ")}
    beside = [place for place in places if place not in on_the_beacon]
    digest = sha256(secrets.deposited).digest()
    hits = found_in(places, fingerprints(secrets.deposited).values())
    assert digest.hex() in " ".join(hits)
    assert any(hit.startswith("beacon: public.log_entry") for hit in hits)

    def holders(text: str) -> set[str]:
        return {hit.rsplit(": ", 1)[0] for hit in text_found_in(places, text)}

    assert "beacon: public.state_value" in holders(pool)
    assert [place for place in holders(pool) if place.startswith("validators/")] != []
    assert text_found_in(secrets.waiting, pool) != []
    assert "broker: pgmq.q_celery" in {hit.rsplit(": ", 1)[0] for hit in text_found_in(secrets.waiting, pool)}
    assert {"log/portal.log", "log/worker.log", "log/beacon.log", "log/postgres.log"} <= set(beside)
    assert b"POST /api/v1/imports 202" in places["log/portal.log"]
    assert b"POST /api/v1/records/search 400" in places["log/portal.log"]
    assert text_found_in({"a": secrets.taken[next(iter(secrets.taken))]}, secrets.hidden.beginning) != []


def every_spelling() -> Iterator[tuple[str, bytes]]:
    text = "mark"
    yield "as it is", text.encode()
    yield "in capitals", text.upper().encode()
    yield "in hex", text.encode().hex().encode()
    for before in ("", "x", "xy", "xyz"):
        yield "in base64", b64encode(f"{before}{text} and more".encode())
        yield "in base64url", urlsafe_b64encode(f"{before}{text} and more".encode())
    yield "in UTF-16", text.encode("utf-16")


@pytest.mark.parametrize(("how", "content"), list(every_spelling()))
def test_the_search_knows_every_spelling(how: str, content: bytes) -> None:
    assert text_found_in({"here": b"\x00" + content + b"\x00"}, "mark") != [], how
