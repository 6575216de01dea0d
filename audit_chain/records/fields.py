"""Fields: a nested document as flat, dotted names, one value each.

    {"number": "2026-0173", "lines": [{"net_amount": 206000}, {"net_amount": 225000}]}

becomes

    number               "2026-0173"
    lines.0.net_amount   206000
    lines.1.net_amount   225000

See docs/spec/field-disclosure.md.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from audit_chain.canonical import MAX_INTEGER
from audit_chain.errors import MalformedField

Value: TypeAlias = str | int | bool | None
Nested: TypeAlias = "Mapping[str, Nested] | Sequence[Nested] | Value"
Tree: TypeAlias = "dict[str, Tree] | list[Tree] | Value"

MAX_FIELDS: Final = 65_536
MAX_NAME_LENGTH: Final = 255  # characters of a whole dotted name
MAX_VALUE_LENGTH: Final = 65_536  # characters
MAX_DEPTH: Final = 16  # parts of a dotted name
VALUE_RULE: Final = f"text of at most {MAX_VALUE_LENGTH} characters, an integer within +-(2^53-1), true, false or null"

_PART: Final = r"[^.\x00-\x1f\x7f-\x9f\ud800-\udfff]+"
_PART_PATTERN: Final = re.compile(_PART)
_NAME_PATTERN: Final = re.compile(rf"{_PART}(?:\.{_PART}){{0,{MAX_DEPTH - 1}}}")
_POSITION_PATTERN: Final = re.compile(r"0|[1-9][0-9]*")


def is_name(name: str) -> bool:
    """Whether `name` is 1 to 16 non-empty parts joined by dots, without control characters."""
    return len(name) <= MAX_NAME_LENGTH and _NAME_PATTERN.fullmatch(name) is not None


def is_value(value: object) -> bool:
    """Whether `value` is text that UTF-8 can carry, an integer within +-(2^53-1), a truth value or null."""
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, int):
        return -MAX_INTEGER <= value <= MAX_INTEGER
    return isinstance(value, str) and len(value) <= MAX_VALUE_LENGTH and _is_unicode(value)


def no_such_value(name: str) -> MalformedField:
    """The error for a value that no field can have; it names the field and leaves the value out."""
    return MalformedField(f"field {name} has a value that no field can have", expected=VALUE_RULE, got="another")


def flatten(document: Mapping[str, Nested]) -> dict[str, Value]:
    """The document's values by dotted name, in the document's order; empty objects and arrays leave nothing behind.

    Raises MalformedField for a name or value that no field can have, and for what `unflatten` could not tell apart:
    a key with a dot in it, or one that reads like a position in an array.
    """
    fields: dict[str, Value] = {}
    _flatten(document, "", 1, fields)
    if len(fields) > MAX_FIELDS:
        raise MalformedField("a record has too many fields", expected=f"at most {MAX_FIELDS}", got=len(fields))
    return fields


def unflatten(fields: Mapping[str, Value]) -> dict[str, Tree]:
    """The nested document that flattens into `fields`.

    Positions 0 to n-1 become an array of n items; where some of them were not disclosed they stay keys, so that
    nobody takes the third line for the first. Raises MalformedField where one name runs through another.
    """
    root: dict[str, Tree] = {}
    for name, value in fields.items():
        _place(root, name, value)
    return {key: _with_arrays(item) for key, item in root.items()}


def _flatten(node: Mapping[str, Nested], prefix: str, depth: int, fields: dict[str, Value]) -> None:
    for key, item in node.items():
        if not _is_key(key):
            expected = "text without dots and controls that is no number"
            raise MalformedField("a key cannot be part of a field name", expected=expected, got=f"a key in {prefix!r}")
        _flatten_item(item, prefix + key, depth, fields)


def _flatten_item(item: Nested, name: str, depth: int, fields: dict[str, Value]) -> None:
    if depth > MAX_DEPTH or len(name) > MAX_NAME_LENGTH:
        expected = f"at most {MAX_DEPTH} parts and {MAX_NAME_LENGTH} characters"
        raise MalformedField("a field name is too long", expected=expected, got=f"{depth} and {len(name)}")
    if isinstance(item, str | int | bool | None):
        if not is_value(item):
            raise no_such_value(name)
        fields[name] = item
    elif isinstance(item, Mapping):
        _flatten(item, f"{name}.", depth + 1, fields)
    elif isinstance(item, list | tuple):
        for position, member in enumerate(item):
            _flatten_item(member, f"{name}.{position}", depth + 1, fields)
    else:
        raise no_such_value(name)


@lru_cache(maxsize=4096)
def _is_key(key: str) -> bool:
    """Whether an object's key can be a part of a field name and will not be taken for an array's position."""
    return _PART_PATTERN.fullmatch(key) is not None and _POSITION_PATTERN.fullmatch(key) is None


def _place(root: dict[str, Tree], name: str, value: Value) -> None:
    *parents, last = name.split(".")
    node = root
    for part in parents:
        child = node.setdefault(part, {})
        if not isinstance(child, dict):
            raise MalformedField(f"field {name} runs through another field", expected="names that end at values")
        node = child
    if last in node:
        raise MalformedField(f"field {name} runs through another field", expected="names that end at values")
    node[last] = value


def _with_arrays(node: Tree) -> Tree:
    if not isinstance(node, dict):
        return node
    items = {key: _with_arrays(item) for key, item in node.items()}
    positions = [str(position) for position in range(len(items))]
    if set(items) == set(positions):
        return [items[position] for position in positions]
    return dict(items)


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
