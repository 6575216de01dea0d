"""Dataclasses as JSON and back."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.network.wire import MAX_INTEGER, Unreadable, parse, to_text


@dataclass(frozen=True, slots=True)
class Inner:
    root: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Outer:
    name: str
    inner: Inner
    maybe: str | None
    lines: tuple[Inner, ...]
    flag: bool


inners = st.builds(Inner, root=st.binary(max_size=40), size=st.integers(-MAX_INTEGER, MAX_INTEGER))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
outers = st.builds(
    Outer,
    name=texts,
    inner=inners,
    maybe=st.none() | texts,
    lines=st.lists(inners, max_size=3).map(tuple),
    flag=st.booleans(),
)

GOOD = Outer("a", Inner(b"\x01", 2), None, (Inner(b"", 0),), True)


@given(outers)
def test_what_is_written_is_read(value: Outer) -> None:
    assert parse(Outer, to_text(value), exact=True) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable):
        parse(Outer, data)


SPOILT = {
    "missing": (lambda value: value.pop("name"), "name"),
    "number for text": (lambda value: value.update(name=1), "name"),
    "true for a number": (lambda value: value["inner"].update(size=True), "inner.size"),
    "fraction": (lambda value: value["inner"].update(size=1.0), "inner.size"),
    "number out of range": (lambda value: value["inner"].update(size=MAX_INTEGER + 1), "inner.size"),
    "not base64": (lambda value: value["inner"].update(root="AQ"), "inner.root"),
    "stray bits in base64": (lambda value: value["inner"].update(root="AR=="), "inner.root"),
    "object for array": (lambda value: value.update(lines={}), "lines"),
    "wrong item": (lambda value: value.update(lines=[1]), "lines.0"),
    "null": (lambda value: value.update(inner=None), "inner"),
    "lone surrogate": (lambda value: value.update(name="\ud800"), "name"),
    "undeclared": (lambda value: value.update(more=1), ""),
}


@pytest.mark.parametrize(("spoil", "where"), SPOILT.values(), ids=SPOILT.keys())
def test_one_spoilt_member_is_named(spoil, where: str) -> None:
    value = json.loads(to_text(GOOD))
    spoil(value)
    with pytest.raises(Unreadable) as problem:
        parse(Outer, json.dumps(value).encode(), exact=True)
    assert problem.value.where == where


def test_an_answer_may_have_members_that_are_not_known_yet() -> None:
    value = {**json.loads(to_text(GOOD)), "later": 1}
    assert parse(Outer, json.dumps(value).encode()) == GOOD


@pytest.mark.parametrize(
    "text", ['{"root":"","root":"","size":1}', '{"root":"","size":NaN}', "[" * 100_000, '{"root":"","size":1} x']
)
def test_json_that_readers_differ_about_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(Inner, text.encode())
