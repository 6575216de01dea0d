import json
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from audit_chain import canonical
from audit_chain.errors import MalformedJSON

INTEGERS = st.integers(-canonical.MAX_INTEGER, canonical.MAX_INTEGER)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_bytes_are_those_of_rfc_8785(value):
    assert canonical.encode(value) == rfc8785.dumps(value)


@given(VALUES)
def test_a_value_comes_back_from_its_bytes(value):
    assert canonical.decode(canonical.encode(value)) == value


@given(st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_the_canonical_form_of_a_value_or_malformed(data):
    try:
        value = canonical.decode(data)
    except MalformedJSON:
        return
    assert canonical.encode(value) == data


def test_names_are_sorted_by_utf_16_code_units():
    # U+1F602 is D83D DE02 in UTF-16, and so stands before U+FB33 although its code point is greater.
    assert canonical.encode({"\ufb33": 1, "\U0001f602": 2}) == '{"\U0001f602":2,"\ufb33":1}'.encode()


@pytest.mark.parametrize(
    "value",
    [1.0, float("nan"), 2**53, -(2**53), "\ud800", {"\udfff": 1}, {1: 2}, {"a": b"b"}, [set()], {None: 1}],
)
def test_a_value_outside_the_domain_has_no_bytes(value):
    with pytest.raises(MalformedJSON):
        canonical.encode(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" {}",
        b"{} ",
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b"1.0",
        b"1e2",
        b"-0",
        b"9007199254740992",
        b"1" * 5000,
        b'"\\u0041"',
        b'"\\/"',
        b'"\\u000A"',
        b'"\\u001F"',
        b'"\\ud800"',
        b"NaN",
        b"Infinity",
        b'\xef\xbb\xbf""',
        b'"\xff"',
        b"'a'",
        b"[1,]",
    ],
)
def test_another_spelling_is_refused(data):
    with pytest.raises(MalformedJSON):
        canonical.decode(data)


def test_nesting_is_bounded():
    depth = canonical.MAX_DEPTH
    assert canonical.decode(b"[" * depth + b"]" * depth)
    for too_deep in (depth + 1, 100_000):
        with pytest.raises(MalformedJSON):
            canonical.decode(b"[" * too_deep + b"]" * too_deep)


def _json_test_suite(corpora: Path, prefix: str) -> list[Path]:
    return sorted((corpora / "bad-inputs" / "json").glob(f"{prefix}_*.json"))


def test_everything_that_is_not_json_is_refused(corpora):
    files = _json_test_suite(corpora, "n")
    assert len(files) > 100
    for file in files:
        with pytest.raises(MalformedJSON):
            canonical.decode(file.read_bytes())


def test_everything_that_readers_disagree_about_is_refused_or_comes_back_the_same(corpora):
    for file in _json_test_suite(corpora, "i"):
        data = file.read_bytes()
        try:
            value = canonical.decode(data)
        except MalformedJSON:
            continue
        assert canonical.encode(value) == data


def test_json_within_the_domain_is_read_once_it_is_in_canonical_form(corpora):
    inside = 0
    for file in _json_test_suite(corpora, "y"):
        value = json.loads(file.read_bytes())
        try:
            data = canonical.encode(value)
        except MalformedJSON:  # a fraction, a lone surrogate, an integer of more than 53 bits
            continue
        inside += 1
        assert canonical.decode(data) == value
    assert inside > 40


@pytest.mark.parametrize("name", ["arrays", "french", "unicode", "weird"])
def test_the_published_examples_of_rfc_8785_give_the_published_bytes(corpora, name):
    folder = corpora / "crypto" / "rfc8785_jcs"
    value = json.loads((folder / "input" / f"{name}.json").read_bytes())
    published = (folder / "output" / f"{name}.json").read_bytes()
    assert canonical.encode(value) == published
    assert canonical.decode(published) == value


@pytest.mark.parametrize("name", ["structures", "values"])
def test_the_published_examples_with_fractions_are_outside_the_domain(corpora, name):
    value = json.loads((corpora / "crypto" / "rfc8785_jcs" / "input" / f"{name}.json").read_bytes())
    with pytest.raises(MalformedJSON):
        canonical.encode(value)
