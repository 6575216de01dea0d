import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_chain.errors import MalformedField
from audit_chain.records.fields import MAX_DEPTH, MAX_FIELDS, MAX_VALUE_LENGTH, flatten, is_name, is_value, unflatten

names = st.text(st.characters(exclude_characters=".", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(
    lambda name: not re.fullmatch("0|[1-9][0-9]*", name)
)
values = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.booleans()
    | st.none()
)
trees = st.recursive(
    values,
    lambda inner: st.lists(inner, min_size=1, max_size=12) | st.dictionaries(names, inner, min_size=1, max_size=4),
    max_leaves=20,
)


def test_a_nested_document_becomes_dotted_names() -> None:
    document = {"number": "2026-0173", "lines": [{"net_amount": 1}, {"net_amount": 2}], "seller": {"id": None}}
    fields = {"number": "2026-0173", "lines.0.net_amount": 1, "lines.1.net_amount": 2, "seller.id": None}
    assert flatten(document) == fields


@given(st.dictionaries(names, trees, max_size=5))
def test_unflatten_gives_back_what_was_flattened(document: dict[str, object]) -> None:
    assert unflatten(flatten(document)) == document


def test_empty_objects_and_arrays_leave_nothing_behind() -> None:
    assert flatten({"a": {}, "b": [], "c": [{}, 1]}) == {"c.1": 1}


def test_a_lone_third_line_is_not_taken_for_the_first() -> None:
    assert unflatten({"lines.2.id": "3"}) == {"lines": {"2": {"id": "3"}}}


def test_eleven_lines_keep_their_order() -> None:
    document = {"lines": [{"id": number} for number in range(11)]}
    assert unflatten(dict(sorted(flatten(document).items()))) == document


@pytest.mark.parametrize("key", ["", "a.b", "0", "12", "a\nb", "\x7f", "\x85", "\ud800"])
def test_a_key_that_no_field_name_can_hold_is_refused(key: str) -> None:
    with pytest.raises(MalformedField):
        flatten({"outer": {key: "x"}})


@pytest.mark.parametrize(
    "value", [1.5, float("nan"), b"bytes", 2**53, -(2**53), "\ud800", {1, 2}, "x" * (MAX_VALUE_LENGTH + 1)]
)
def test_a_value_that_no_field_can_have_is_refused_without_being_repeated(value: object) -> None:
    with pytest.raises(MalformedField) as refusal:
        flatten({"secret": [value]})
    assert "secret.0" in str(refusal.value)
    assert str(value) not in str(refusal.value)


def test_leading_zeros_are_no_position() -> None:
    assert flatten({"codes": {"007": 1}}) == {"codes.007": 1}


def test_a_document_nested_too_deeply_is_refused() -> None:
    document: dict[str, object] = {"a": 1}
    for _ in range(MAX_DEPTH):
        document = {"a": document}
    with pytest.raises(MalformedField, match="too long"):
        flatten(document)


def test_a_document_with_too_many_fields_is_refused() -> None:
    with pytest.raises(MalformedField, match="too many fields"):
        flatten({"lines": list(range(MAX_FIELDS + 1))})


@pytest.mark.parametrize("names", [("a", "a.b"), ("a.b", "a"), ("a.b.c", "a.b")])
def test_one_name_cannot_run_through_another(names: tuple[str, str]) -> None:
    with pytest.raises(MalformedField, match="runs through"):
        unflatten(dict.fromkeys(names, 1))


@pytest.mark.parametrize("name", ["", ".", "a.", ".a", "a..b", "a\x00", "x" * 256, ".".join("a" * 17)])
def test_these_are_no_names(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize("name", ["a", "lines.0.net_amount", "名称", "line items.Net amount", ".".join("a" * 16)])
def test_these_are_names(name: str) -> None:
    assert is_name(name)


def test_truth_is_not_taken_for_a_number() -> None:
    assert flatten({"paid": True}) == {"paid": True}
    assert is_value(True)
    assert not is_value(1.0)
