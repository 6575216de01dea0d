"""Requests that no program should send: each is refused in the one shape, and none brings anything down."""

import json
import logging
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from apps.api.views import records as record_views
from apps.api.views.imports import ImportsView
from apps.config.log_lines import PlaceFormatter
from apps.exchange import own_pool
from tests.api.cast import Cast, World, error_of

NO_ID = "019aac2c-0000-7000-8000-00000000ffff"
WITH_JSON = (
    "records/search",
    f"records/{NO_ID}/replacement",
    f"records/{NO_ID}/disclosures",
    "evidence",
    "evidence/lookup",
    "evidence/proof",
    "evidence/answer",
)

NOT_JSON = {
    "nothing": b"",
    "space": b" ",
    "half an object": b"{",
    "not UTF-8": b'{"text": "\xff"}',
    "a name twice": b'{"sha256": "00", "sha256": "01"}',
    "half of a surrogate pair": b'{"sha256": "\\ud800"}',
    "half of a surrogate pair as a name": b'{"\\udfff": 1}',
    "a fraction": b'{"index": 1.5}',
    "not a number": b'{"index": NaN}',
    "infinity": b'{"index": -Infinity}',
    "an integer of 54 bits": b'{"index": 9007199254740992}',
    "an integer of 5,000 digits": b'{"index": ' + b"9" * 5000 + b"}",
    "100,000 arrays": b"[" * 100_000,
    "100,000 objects": b'{"a":' * 100_000,
    "single quotes": b"{'sha256': '00'}",
    "a comment": b"{} // nothing",
    "two values": b"{}{}",
    "a control character": b'{"text": "\x01"}',
    "UTF-16": '{"text": "a"}'.encode("utf-16"),
}
"""Each of them is refused everywhere, the first two because something is missing."""

NO_OBJECTS = {"null": b"null", "an array": b"[]", "a text": b'"text"', "a number": b"1", "an array of one": b"[{}]"}


@pytest.mark.parametrize("body", [*NOT_JSON.values(), *NO_OBJECTS.values()], ids=[*NOT_JSON, *NO_OBJECTS])
def test_a_body_that_is_no_json_object_is_refused(body: bytes, cast: Cast) -> None:
    for path in WITH_JSON:
        if path == "records/search" and not body:
            continue  # Searching for nothing in particular finds everything; see test_records.
        response = cast.owner.ask("POST", path, body)
        assert response.status_code == 400, path
        assert error_of(response)["code"] in ("malformed", "wrong_input"), path


def test_what_is_malformed_is_told_with_its_place(cast: Cast) -> None:
    response = cast.anonymous.ask("POST", "evidence/lookup", b'{"sha256":\n  00}')
    assert error_of(response) == {
        "code": "malformed",
        "message": "Not JSON: Expecting ',' delimiter.",
        "where": "line 2, column 4",
    }


def test_a_name_that_stands_twice_is_named(cast: Cast) -> None:
    response = cast.anonymous.ask("POST", "evidence/lookup", NOT_JSON["a name twice"])
    assert error_of(response) == {
        "code": "malformed",
        "message": "A name stands twice in one object.",
        "where": "sha256",
    }


def test_a_misspelt_member_is_refused_and_not_ignored(cast: Cast) -> None:
    response = cast.viewer.post("records/search", {"nunber": "1"})
    assert error_of(response) == {
        "code": "wrong_input",
        "message": "There is no such member here.",
        "where": "nunber",
    }


def test_a_misspelt_parameter_is_refused_and_not_ignored(cast: Cast) -> None:
    assert error_of(cast.viewer.get("records", limt="1"))["where"] == "limt"


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("records/search", {"amount": "a lot"}, "amount"),
        ("records/search", {"amount": True}, "amount"),
        ("records/search", {"amount": 2**53 - 1, "kind": "poem"}, "kind"),
        ("records/search", {"date_from": "2026-13-01"}, "date_from"),
        ("records/search", {"state": "finished"}, "state"),
        ("records/search", {"text": "x" * 201}, "text"),
        ("records/search", {"text": "a\x00b"}, "text"),
        ("records/search", {"text": ["a"]}, "text"),
        ("records/search", {"limit": 0}, "limit"),
        ("records/search", {"limit": 201}, "limit"),
        ("records/search", {"cursor": "-1"}, "cursor"),
        ("records/search", {"cursor": "٣"}, "cursor"),
        (f"records/{NO_ID}/replacement", {}, "replaces"),
        (f"records/{NO_ID}/replacement", {"replaces": "the other one"}, "replaces"),
        (f"records/{NO_ID}/disclosures", {"recipient": None}, "fields"),
        (f"records/{NO_ID}/disclosures", {"fields": [], "recipient": None}, "fields"),
        (f"records/{NO_ID}/disclosures", {"fields": "number", "recipient": None}, "fields"),
        (f"records/{NO_ID}/disclosures", {"fields": ["number", {}], "recipient": None}, "fields.1"),
        (f"records/{NO_ID}/disclosures", {"fields": ["number"]}, "recipient"),
        (f"records/{NO_ID}/disclosures", {"fields": ["number"], "recipient": "nobody"}, "recipient"),
        (f"records/{NO_ID}/disclosures", {"fields": ["number"], "recipient": "a\x00"}, "recipient"),
        ("evidence", {"sha256": "0" * 63}, "sha256"),
        ("evidence/lookup", {"sha256": "g" * 64}, "sha256"),
        ("evidence/lookup", {"sha256": "é" * 64}, "sha256"),
        ("evidence/proof", {"sha256": "0" * 64}, "index"),
        ("evidence/proof", {"sha256": "0" * 64, "index": -1}, "index"),
    ],
)
def test_a_wrong_member_is_named(path: str, body: Any, where: str, cast: Cast) -> None:
    response = cast.owner.post(path, body)
    assert (response.status_code, error_of(response)["where"]) == (400, where)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("imports", {"cursor": "yesterday"}),
        ("imports", {"limit": "many"}),
        (f"imports/{NO_ID}/items", {"cursor": "1"}),
        (f"imports/{NO_ID}/items", {"cursor": "1.x"}),
        (f"imports/{NO_ID}/items", {"cursor": f"{10**9}.0"}),
        (f"imports/{NO_ID}/items", {"outcome": "lost"}),
        ("records", {"cursor": "0x10"}),
        ("records", {"cursor": str(10**16)}),
        ("records", {"number": "NP-1"}),
        ("inbox", {"cursor": "2026-11-03_1"}),
        ("inbox", {"cursor": f"2026-11-03T00:00:00_{NO_ID}"}),
        ("inbox", {"cursor": f"0000-01-01T00:00:00_{NO_ID}"}),
        ("given", {"cursor": "\x00"}),
    ],
)
def test_a_wrong_parameter_is_named(path: str, query: dict[str, str], cast: Cast) -> None:
    response = cast.owner.get(path, **query)
    assert response.status_code == 400
    assert error_of(response)["where"] in query


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "", "?"])
def test_another_media_type_is_refused(media_type: str, cast: Cast) -> None:
    for path in (*WITH_JSON, "imports", "verify"):
        response = cast.owner.ask("POST", path, b"{}", media_type)
        assert (response.status_code, error_of(response)["code"]) == (415, "unsupported_media_type"), path


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=ü", b"--x--"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"nothing of the kind"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="files"\r\n\r\nno file'),
        ("multipart/form-data; boundary=x; charset=bz2_codec", b"--x--\r\n"),
        ("multipart/form-data; boundary=x; charset=no-such", b"--x--\r\n"),
    ],
)
def test_a_broken_form_is_refused(media_type: str, body: bytes, cast: Cast) -> None:
    for path in ("imports", "verify"):
        assert error_of(cast.owner.ask("POST", path, body, media_type))["code"] in ("wrong_input", "malformed"), path


def test_a_body_that_is_too_large_is_refused_unread(cast: Cast) -> None:
    for path in WITH_JSON:
        response = cast.owner.ask("POST", path, b"[" + b" " * 1024 * 1024)
        assert (response.status_code, error_of(response)["code"]) == (413, "too_large"), path


def test_an_import_that_is_too_large_is_refused_unread(
    cast: Cast, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAX_UPLOAD_BYTES = 20
    monkeypatch.setattr(ImportsView, "body_limit", 20)
    form = cast.owner.upload("imports", {"mapping": "x" * 20})
    body = cast.owner.post("imports", {"kind": "x" * 20})
    for response in (form, body):
        assert (response.status_code, error_of(response)["code"]) == (413, "too_large")


def test_too_many_files_are_refused_unread(cast: Cast, settings: Settings, tmp_path: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 1
    path = tmp_path / "file"
    path.write_bytes(b"{}")
    with path.open("rb") as first, path.open("rb") as second:
        response = cast.owner.upload("imports", {"files": [first, second]})
    assert (response.status_code, error_of(response)["message"]) == (413, "One request brings at most 1 files.")


@pytest.mark.parametrize("path", ["", "nothing", "records/1", "records/", "me/", "../me", "%ff", "%00", "me/%2e%2e"])
def test_other_addresses_are_not_found(path: str, cast: Cast) -> None:
    response = cast.owner.get(path)
    assert (response.status_code, error_of(response)["code"]) == (404, "not_found")


def test_what_fails_before_a_view_is_told_in_the_same_shape(cast: Cast) -> None:
    for path, host, status in (("/api/v1/me", "elsewhere.example", 400), ("/api/v1", "localhost", 404)):
        response = Client().get(path, headers={"Host": host})
        assert response.status_code == status
        error_of(response)
    assert Client().get("/nothing").headers["Content-Type"].startswith("text/html")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
members = st.sampled_from(
    ["text", "number", "amount", "date_from", "kind", "limit", "cursor", "replaces", "fields", "recipient", "sha256"]
)


@given(path=st.sampled_from([*WITH_JSON, "imports", "verify"]), body=st.dictionaries(members, anything) | anything)
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_json_brings_anything_down(path: str, body: Any, cast: Cast) -> None:
    response = cast.owner.post(path, body)
    assert response.status_code < 500
    if response.status_code >= 400:
        error_of(response)


@given(path=st.sampled_from([*WITH_JSON, "imports", "verify"]), body=st.binary(max_size=200))
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_bring_anything_down(path: str, body: bytes, cast: Cast) -> None:
    assert cast.owner.ask("POST", path, body).status_code < 500


# When something of ours is away or broken


@pytest.mark.parametrize(
    ("path", "body"),
    [("evidence/lookup", {"sha256": "0" * 64}), ("evidence", {"sha256": "0" * 64}), ("network", None), ("pools", None)],
)
def test_without_the_shared_chain_one_is_asked_to_try_later(path: str, body: Any, cast: Cast, world: World) -> None:
    world.chain.reachable = False
    response = cast.regulator.get(path) if body is None else cast.regulator.post(path, body)
    assert (response.status_code, error_of(response)["code"]) == (503, "try_later")


def test_without_the_pool_s_database_one_is_asked_to_try_later(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody_there(name: str) -> None:
        raise psycopg.OperationalError("connection refused: host=/secret/place")

    monkeypatch.setattr(own_pool, "get_pool", nobody_there)
    response = cast.owner.get("records")
    assert (response.status_code, error_of(response)["code"]) == (503, "try_later")
    assert b"secret" not in response.content


def test_a_fault_of_ours_tells_nobody_what_was_sent(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(record_views, "records_find", _fails_with("Canary of the search"))
    monkeypatch.setattr(caplog.handler, "formatter", PlaceFormatter())  # as every node's log has it
    with caplog.at_level(logging.DEBUG):
        response = cast.owner.post("records/search", {"text": "Canary of the search"})
    assert (response.status_code, error_of(response)["code"]) == (500, "internal")
    assert b"Canary" not in response.content
    assert "Canary" not in caplog.text
    assert "ZeroDivisionError" in caplog.text


def _fails_with(message: str) -> Callable[..., None]:
    def fail(**_: object) -> None:
        raise ZeroDivisionError(message)

    return fail


def test_a_length_that_is_none_brings_nothing_down(cast: Cast) -> None:
    response = Client(raise_request_exception=False).generic(
        "POST",
        "/api/v1/records/search",
        b"{}",
        "application/json",
        headers={"Authorization": f"Bearer {cast.owner.token}"},
        CONTENT_LENGTH="many",
    )
    assert response.status_code < 500


def test_json_is_all_that_is_answered(cast: Cast) -> None:
    for accept in ("text/html", "*/*", "application/xml", "image/png;q=0.1", "nonsense"):
        response = cast.owner.ask("GET", "me", headers={"Accept": accept})
        assert (response.status_code, response["Content-Type"]) == (200, "application/json")
        assert json.loads(response.content)["role"] == "owner"
