"""What pages and the portal's own tables never hold, and what a browser is told."""

import re
from uuid import UUID, uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from apps.exchange.models import Share
from apps.portal.urls import urlpatterns
from tests.api.cast import World
from tests.pool.cast import invoice, upload
from tests.portal.people import People, text_of

CANARY = "Canary7f3a"
NAMES = {
    "overview": "/",
    "records": "/records",
    "imports": "/imports",
    "inbox": "/inbox",
    "given": "/given",
    "members": "/members",
    "tokens": "/tokens",
    "network": "/network",
    "verify": "/verify",
    "evidence": "/evidence",
    "developers": "/developers",
    "password": "/password",
}


def everything_in_the_portal_s_database() -> str:
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        rows = []
        for table in tables:
            cursor.execute(f"SELECT t::text FROM {connection.ops.quote_name(table)} t")
            rows += [row[0] for row in cursor.fetchall()]
    return "\n".join(rows)


def test_of_a_pool_only_what_was_disclosed_is_in_the_portal_s_tables(people: People, world: World) -> None:
    document = invoice(f"{CANARY}number", buyer={"name": f"{CANARY}buyer"}, notes=[f"{CANARY}note"])
    file = SimpleUploadedFile(f"{CANARY}file.json", upload(document).data)
    people.staff.post("/imports", {"files": file})
    world.read_everything()
    world.finish()
    (found,) = world.pool.search(_query(f"{CANARY}number"), limit=1).items
    people.staff.post("/records", {"text": f"{CANARY}number"})
    people.staff.get(f"/records/{found.id}")
    form = {"fields": ["currency"], "recipient": "meridian-bank", "request": uuid4(), "confirmed": "yes"}
    assert people.staff.post(f"/records/{found.id}/share", form).status_code == 302

    held = everything_in_the_portal_s_database()

    assert CANARY not in held
    assert CANARY.encode().hex() not in held
    assert bytes(Share.objects.get().bundle).hex() in held


def _query(number: str):
    from data_pool.search import RecordQuery

    return RecordQuery(number=number)


def test_addresses_take_identifiers_only() -> None:
    taken = {(p.name, type(c).__name__) for p in urlpatterns for c in p.pattern.converters.values()}

    assert {kind for _, kind in taken} <= {"UUIDConverter", "IntConverter", "SlugConverter"}
    # Names that every member reads on the shared chain.
    assert {page for page, kind in taken if kind == "SlugConverter"} == {"validator", "pool", "pool-proof"}


@pytest.mark.parametrize("path", NAMES.values(), ids=NAMES)
def test_a_page_runs_and_loads_only_what_is_ours(path: str, people: People, record: UUID) -> None:
    response = people.owner.get(path)
    page = response.content.decode()

    assert response.status_code == 200
    assert not re.search(r"<script(?![^>]*\bsrc=)", page), "an inline script"
    assert not re.search(r"<style|\sstyle=", page), "an inline style"
    assert not re.search(r"\son[a-z]+=", page), "an inline handler"
    loaded = re.findall(r'<(?:script|link|img|iframe)[^>]*\b(?:src|href)="([^"]+)"', page)
    assert all(address.startswith("/static/") for address in loaded)
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response["Referrer-Policy"] == "same-origin"
    assert response["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("path", ["/", "/records", "/inbox", "/tokens"])
def test_a_member_s_pages_are_kept_by_no_cache(path: str, people: People) -> None:
    assert "no-store" in people.owner.get(path)["Cache-Control"]


@pytest.mark.parametrize("path", NAMES.values(), ids=NAMES)
def test_every_field_of_a_page_has_a_name_that_is_read_aloud(path: str, people: People) -> None:
    page = people.owner.get(path).content.decode()

    labelled = set(re.findall(r'<label[^>]*\bfor="([^"]+)"', page))
    for tag in re.findall(r"<(?:input|select|textarea)\b[^>]*>", page):
        if 'type="hidden"' in tag or 'type="submit"' in tag:
            continue
        name = re.search(r'\bid="([^"]+)"', tag)
        wrapped = re.search(r"<label[^>]*>(?:(?!</label>).)*" + re.escape(tag), page, re.DOTALL)
        assert "aria-label" in tag or (name and name[1] in labelled) or wrapped, tag
    assert len(re.findall(r"<h1\b", page)) == 1
    assert '<html lang="en">' in page


def test_a_page_that_is_not_there_says_so_in_words(people: People) -> None:
    for person in (people.anonymous, people.owner):
        response = person.get("/no-such-page")
        assert response.status_code == 404
        assert "There is nothing here" in text_of(response)
