import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_chain.records.fields import flatten
from data_pool.documents import DEFAULT_LIMITS, DocumentRefused, Limits, read_documents
from data_pool.documents.json_document import parse_json
from tests.documents.cast import OBJECT, documents_of, read, read_one, refusals_of

# Valid JSON, and yet ambiguous or not exact.
STRICTER_THAN_JSON = ("a name stands twice", "a number has a fraction or an exponent")


def refusal(data: bytes | str, **options: object) -> DocumentRefused:
    with pytest.raises(DocumentRefused) as refused:
        read(data, **options)
    return refused.value


def outcome_of(data: bytes) -> str:
    """Why it is refused, "" if it is read."""
    try:
        parse_json(data, DEFAULT_LIMITS)
    except DocumentRefused as error:
        return error.reason
    return ""


def written(**members: Any) -> str:
    return json.dumps(OBJECT | members)


def test_an_object_is_a_document() -> None:
    document = read_one(written())

    assert document.kind == "invoice"
    assert document.fields == {
        "kind": "invoice",
        "number": "INV-1",
        "issue_date": "2026-11-02",
        "currency": "EUR",
        "payable_amount": 11900,
        "seller": {"name": "Northwind Parts", "id": "Northwind Parts"},
        "buyer": {"name": "Atlas Motors", "id": "Atlas Motors"},
    }


def test_an_array_holds_several_and_a_bad_one_is_refused_alone() -> None:
    outcomes = read(json.dumps([OBJECT, OBJECT | {"number": None}, 7, OBJECT | {"issue_date": "soon"}, OBJECT]))

    assert [document.where for document in documents_of(outcomes)] == ["row 1", "row 5"]
    assert [(refused.row, refused.where) for refused in refusals_of(outcomes)] == [
        (2, "row 2, number"),
        (3, "row 3"),
        (4, "row 4, issue_date"),
    ]


def test_money_is_minor_units_or_decimal_text() -> None:
    assert read_one(written(payable_amount=11900)).fields["payable_amount"] == 11900
    assert read_one(written(payable_amount="119")).fields["payable_amount"] == 11900


def test_an_amount_takes_the_nearest_currency() -> None:
    fields = read_one(written(payment={"amount": "5", "currency": "JPY"}, lines=[{"net_amount": "5"}])).fields

    assert fields["payment"] == {"amount": 5, "currency": "JPY"}
    assert fields["lines"] == [{"net_amount": 500}]


def test_the_tax_currency_counts_its_own_amount() -> None:
    fields = read_one(written(tax_currency="KWD", tax_currency_amount="1.5")).fields

    assert fields["tax_currency_amount"] == 1500


def test_other_kinds_carry_what_they_carry() -> None:
    reading = {
        "kind": "device-reading",
        "device": "T-9",
        "value": "21.5",
        "ok": True,
        "sequence": 17,
        "tags": ["a", "b"],
    }

    assert read_one(json.dumps(reading)).fields == reading


def test_what_has_no_content_is_absent() -> None:
    fields = read_one(written(due_date=None, buyer_reference="", lines=[], payment={"terms": None})).fields

    assert fields.keys() == OBJECT.keys()


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({"kind": "letter"}, "kind"),
        ({"kind": None}, "kind"),
        ({"kind": 3}, "kind"),
        ({"number": 7}, "number"),
        ({"issue_date": "2026-02-30"}, "issue_date"),
        ({"issue_date": 20261102}, "issue_date"),
        ({"payable_amount": True}, "payable_amount"),
        ({"payable_amount": "1.005"}, "payable_amount"),
        ({"payable_amount": "1,50"}, "payable_amount"),
        ({"currency": "EURO"}, "payable_amount"),
        ({"currency": None}, "payable_amount"),
        ({"seller": "Northwind"}, "seller"),
        ({"seller": {"id": 7}}, "seller"),
        ({"source": {"sha256": "00"}}, "source"),
        ({"lines": [{"quantity": True}]}, "lines.0.quantity"),
        ({"lines": [None]}, "lines.0"),
        ({"lines": [{}]}, "lines.0"),
        ({"notes": ["a\x00b"]}, "notes.0"),
        ({"note": "x" * 70_000}, "note"),
        ({"a.b": "c"}, ""),
        ({"0": "c"}, ""),
        ({"": "c"}, ""),
        ({"k" * 300: "c"}, ""),
    ],
)
def test_a_member_that_its_name_does_not_allow_is_refused_with_its_name(members: dict[str, Any], where: str) -> None:
    assert refusal(written(**members)).where == where


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"kind": "invoice", "kind": "order"}', "twice"),
        (b'{"kind": "order", "a": {"b": 1, "b": 1}}', "twice"),
        (b'{"kind": "order", "a": 1.5}', "fraction"),
        (b'{"kind": "order", "a": 1e3}', "fraction"),
        (b'{"kind": "order", "a": NaN}', "not JSON"),
        (b'{"kind": "order", "a": -Infinity}', "not JSON"),
        (b'{"kind": "order", "a": 9007199254740992}', "too large"),
        (b'{"kind": "order", "a": ' + b"9" * 10_000 + b"}", "too large"),
        (b'{"kind": "order", "a": "\\ud800"}', "surrogate"),
        (b'{"kind": "order", "\\udc00": "a"}', "surrogate"),
        (b'{"kind": "order", "a": "\xff"}', "UTF-8"),
        (b'{"kind": "order"} x', "not JSON"),
        (b'{"kind": "order",}', "not JSON"),
        (b"[]", "no document"),
        (b"{}", "kind"),
        (b'{"kind": "order", "a": ' + b"[" * 100 + b"1" + b"]" * 100 + b"}", "too deep"),
        (b'{"kind": "order", "a": [' + b"1," * 200_000 + b"1]}", "too many fields"),
        ('{"kind": "order", "a": "é"}'.encode("utf-16"), "UTF-8"),
        (b"[" * 100_000, "too deep"),
        (b'{"a":' * 100_000, "too deep"),
    ],
)
def test_what_is_not_strictly_json_is_refused(data: bytes, reason: str) -> None:
    assert reason in refusal(data).reason


def test_a_syntax_error_has_line_and_column() -> None:
    assert refusal(b'{\n  "kind": invoice\n}').where == "line 2, column 11"


def test_a_wrong_encoding_has_line_and_column() -> None:
    assert refusal('{\n "kind": "ö"}'.encode("iso-8859-1")).where == "line 2, column 11"


def test_brackets_in_texts_are_no_nesting() -> None:
    assert read_one(written(note="[" * 500 + '\\"{' * 500)).fields["note"] == "[" * 500 + '\\"{' * 500


def test_a_byte_order_mark_is_skipped() -> None:
    assert read_one(b"\xef\xbb\xbf" + written().encode()).kind == "invoice"


def test_an_array_over_the_limit_is_refused() -> None:
    assert "too long" in refusal(json.dumps([OBJECT] * 3), limits=Limits(documents=2)).reason


def test_the_files_of_the_corpus_are_read_or_refused_as_they_say(corpora: Path) -> None:
    outcomes: dict[str, list[str]] = {"y": [], "n": [], "i": []}
    for file in sorted((corpora / "bad-inputs" / "json").glob("*.json")):
        outcomes[file.name[0]].append(outcome_of(file.read_bytes()))

    assert len(outcomes["n"]) >= 120
    assert "" not in outcomes["n"]
    assert len(outcomes["y"]) >= 60
    assert [reason for reason in outcomes["y"] if reason and not reason.startswith(STRICTER_THAN_JSON)] == []


def test_a_bare_value_is_no_document(corpora: Path) -> None:
    for file in sorted((corpora / "bad-inputs" / "json").glob("y_structure_lonely*.json")):
        refusal(file.read_bytes())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=12), json_values, max_size=5))
def test_whatever_is_read_can_be_committed_to(members: dict[str, Any]) -> None:
    try:
        document = read_one(json.dumps({"kind": "contract"} | members | {"kind": "contract"}))
    except DocumentRefused:
        return
    flatten(document.fields)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    with suppress(DocumentRefused):
        list(read_documents(b"{" + data))
