import base64
import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_chain import canonical
from audit_chain.encoding import to_base64url
from audit_chain.errors import MalformedDisclosure, MalformedField
from audit_chain.records import disclosure
from audit_chain.records.disclosure import Disclosure, encode, encode_all, parse
from audit_chain.records.fields import MAX_VALUE_LENGTH
from tests.core.log_cast import near_text

SALT = b"\x01" * 16
TEXT = "WyJBUUVCQVFFQkFRRUJBUUVCQVFFQkFRIiwibnVtYmVyIiwiMjAyNi0wMTczIl0"

values = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.booleans()
    | st.none()
)


def spelled(array: str) -> str:
    return to_base64url(array.encode("utf-8", "surrogatepass"))


def test_the_example_of_the_specification() -> None:
    assert encode(SALT, "number", "2026-0173") == TEXT
    assert parse(TEXT) == Disclosure(SALT, "number", "2026-0173")


@given(st.binary(min_size=16, max_size=16), values)
def test_a_disclosure_reads_back_as_it_was_written(salt: bytes, value: str | int | bool | None) -> None:
    shown = parse(encode(salt, "lines.0.name", value))
    assert shown == Disclosure(salt, "lines.0.name", value)
    assert type(shown.value) is type(value)


@given(st.binary(min_size=16, max_size=16), values)
def test_a_disclosure_is_the_canonical_json_of_rfc_9901s_array(salt: bytes, value: str | int | bool | None) -> None:
    assert encode(salt, "name", value) == to_base64url(canonical.encode([to_base64url(salt), "name", value]))


def test_many_disclosures_are_the_same_as_each_alone() -> None:
    salts = [bytes([number]) * 16 for number in range(3)]
    fields = {"a": "ü", "b": 12, "c": None}
    assert encode_all(salts, fields) == [
        encode(salt, *field) for salt, field in zip(salts, fields.items(), strict=True)
    ]
    assert encode_all([], {}) == []


@given(near_text(TEXT))
def test_whatever_is_edited_reads_as_something_else_or_not_at_all(text: str) -> None:
    try:
        shown = parse(text)
    except MalformedDisclosure:
        return
    assert encode(shown.salt, shown.name, shown.value) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        TEXT + "=",
        TEXT + "\n",
        "é",
        spelled('["AQEBAQEBAQEBAQEBAQEBAQ", "number", "2026-0173"]'),
        spelled('["AQEBAQEBAQEBAQEBAQEBAQ","number","2026-0173"] '),
        spelled('["AQEBAQEBAQEBAQEBAQEBAQ","n\\u0075mber","2026-0173"]'),
        spelled('["AQEBAQEBAQEBAQEBAQEBAQ","number"]'),
        spelled('["AQEBAQEBAQEBAQEBAQEBAQ","number","a","b"]'),
        spelled('["AQEBAQEBAQEBAQEBAQEBAQ","number",1.0]'),
        spelled('["AQEBAQEBAQEBAQEBAQEBAQ","number",1e3]'),
        spelled('["AQEBAQEBAQEBAQEBAQEBAQ","number",9007199254740992]'),
        spelled('["AQEBAQEBAQEBAQEBAQEBAQ","number",[1]]'),
        spelled('["AQEBAQEBAQEBAQEBAQEBAQ","number",{}]'),
        spelled('["AQEBAQEBAQEBAQEBAQEBAQ","number","\\ud800"]'),
        spelled('["AQEBAQEBAQEBAQEBAQEBAQ","a..b","x"]'),
        spelled('["AQEBAQEBAQEBAQEBAQEBAQ","","x"]'),
        spelled('["AQEBAQEBAQEBAQEBAQEB","number","x"]'),
        spelled('["AQEBAQEBAQEBAQEBAQEBAR","number","x"]'),
        spelled('["AQEBAQEBAQEBAQEBAQEBAQ==","number","x"]'),
        spelled('[1,"number","x"]'),
        spelled('["AQEBAQEBAQEBAQEBAQEBAQ",1,"x"]'),
        spelled('{"0":1}'),
        spelled("null"),
        spelled("[" * 3000),
        spelled("1" * 5000),
    ],
)
def test_other_spellings_are_no_disclosure(text: str) -> None:
    with pytest.raises(MalformedDisclosure):
        parse(text)


@pytest.mark.parametrize("value", [1.0, 2**53, "\ud800", "x" * (MAX_VALUE_LENGTH + 1), [1], b"x"])
def test_a_value_that_no_field_can_have_has_no_disclosure(value: object) -> None:
    with pytest.raises(MalformedField):
        encode(SALT, "number", value)  # type: ignore[arg-type]


def test_a_name_that_no_field_can_have_has_no_disclosure() -> None:
    with pytest.raises(MalformedField, match="name"):
        encode(SALT, "a..b", "x")


def test_a_salt_has_128_bits() -> None:
    with pytest.raises(MalformedField, match="salt"):
        encode(SALT[:-1], "number", "x")


def test_the_compact_spelling_that_rfc_9901_shows_is_ours() -> None:
    # RFC 9901, Section 4.2.1: `["_26bc4LT-ac6q2KI6cBW5es","family_name","Möbius"]` without white space. Its salt of 17
    # bytes is longer than ours, so the array is compared below the salt's own check.
    expected = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsImZhbWlseV9uYW1lIiwiTcO2Yml1cyJd"
    assert to_base64url(disclosure._array("_26bc4LT-ac6q2KI6cBW5es", "family_name", "Möbius")) == expected


def sd_jwt_disclosures(folder: Path) -> list[str]:
    """Disclosures of an issued SD-JWT of the reference implementation."""
    serialized = (folder / "sd_jwt_issuance.txt").read_text()
    return "".join(serialized.split()).split("~")[1:-1]


def issued_digests(folder: Path) -> set[str]:
    """Every digest that the issuer signed, wherever in the payload or in a disclosure it stands."""
    found: set[str] = set()

    def collect(node: object) -> None:
        if isinstance(node, dict):
            found.update(node.get("_sd", []))
            for item in node.values():
                collect(item)
        elif isinstance(node, list):
            for item in node:
                collect(item)

    collect(json.loads((folder / "sd_jwt_payload.json").read_text()))
    for text in sd_jwt_disclosures(folder):
        collect(json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))
    return found


def test_disclosures_agree_with_the_reference_implementation_of_sd_jwt(corpora: Path) -> None:
    """Same array, same base64url, same digest; ours is the spelling without white space and escapes."""
    compared = 0
    # Two more folders hold the same disclosures in JSON serialization.
    for issued in sorted((corpora / "crypto" / "sd-jwt-generated").glob("*/sd_jwt_issuance.txt")):
        folder = issued.parent
        digests = issued_digests(folder)
        for text in sd_jwt_disclosures(folder):
            array = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            if len(array) != 3:
                continue  # an array element's disclosure, RFC 9901, Section 4.2.2: we flatten arrays instead
            salt, name, value = array
            assert to_base64url(sha256(text.encode("ascii")).digest()) in digests
            if not isinstance(value, str | int | bool | None):
                continue  # an object or array as one value: we flatten those, too
            own = to_base64url(disclosure._array(salt, name, value))
            assert json.loads(base64.urlsafe_b64decode(own + "=" * (-len(own) % 4))) == array
            assert parse(own) == Disclosure(base64.urlsafe_b64decode(salt + "=="), name, value)
            # The very bytes that the issuer hashed, once its optional white space is put back.
            spaced = json.dumps([salt, name, value]).encode()
            assert to_base64url(spaced) == text
            compared += 1
    assert compared > 30
