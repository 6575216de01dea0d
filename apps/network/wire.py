"""Frozen dataclasses as JSON objects and back: one declaration serves the node that answers and the one that asks.

Integers, strings, booleans, bytes (base64), other dataclasses, `X | None` and `tuple[X, ...]`.
"""

import dataclasses
import json
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from audit_chain.encoding import from_base64, to_base64
from audit_chain.errors import Malformed

T = TypeVar("T")
MAX_INTEGER = 2**53 - 1  # what every JSON reader holds exactly


class Unreadable(Exception):
    """The JSON is not what was declared; `where` is the member at fault, dotted, empty for the whole."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.where = where
        self.message = message


def to_json(value: object) -> Any:
    """The JSON value of a dataclass instance or of anything that it may hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if isinstance(value, bytes):
        return to_base64(value)
    return value


def to_text(value: object) -> bytes:
    """The JSON text of a dataclass instance, compact, in UTF-8."""
    return json.dumps(to_json(value), separators=(",", ":"), ensure_ascii=False).encode()


def parse(kind: type[T], data: bytes, *, exact: bool = False) -> T:
    """The instance of `kind` that the JSON text describes. `exact` refuses members that are not declared."""
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise Unreadable("", "expected UTF-8") from None
    except RecursionError:
        raise Unreadable("", "nested too deeply") from None
    except ValueError:
        raise Unreadable("", "expected JSON without repeated members") from None
    return from_json(kind, value, exact=exact)


def from_json(kind: Any, value: object, *, where: str = "", exact: bool = False) -> Any:
    if dataclasses.is_dataclass(kind):
        return _object(kind, value, where, exact)
    if get_origin(kind) is tuple:
        return _array(get_args(kind)[0], value, where, exact)
    if isinstance(kind, UnionType):
        (inner,) = [option for option in get_args(kind) if option is not NoneType]
        return None if value is None else from_json(inner, value, where=where, exact=exact)
    if kind is bytes:
        return _bytes(value, where)
    if type(value) is not kind:
        raise Unreadable(where, f"expected {kind.__name__}, got {type(value).__name__}")
    if kind is int and not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise Unreadable(where, "number out of range")
    if kind is str and not _is_text(value):
        raise Unreadable(where, "a lone surrogate is not text")
    return value


def _object(kind: Any, value: object, where: str, exact: bool) -> Any:
    if not isinstance(value, dict):
        raise Unreadable(where, f"expected an object, got {type(value).__name__}")
    hints = get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    for name in names:
        if name not in value:
            raise Unreadable(_below(where, name), "missing")
    if exact and len(value) > len(names):
        raise Unreadable(where, f"expected only the members {', '.join(names)}")
    return kind(**{name: from_json(hints[name], value[name], where=_below(where, name), exact=exact) for name in names})


def _array(kind: Any, value: object, where: str, exact: bool) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise Unreadable(where, f"expected an array, got {type(value).__name__}")
    return tuple(
        from_json(kind, item, where=_below(where, str(place)), exact=exact) for place, item in enumerate(value)
    )


def _bytes(value: object, where: str) -> bytes:
    if not isinstance(value, str):
        raise Unreadable(where, f"expected base64, got {type(value).__name__}")
    try:
        return from_base64(value)
    except Malformed as problem:
        raise Unreadable(where, str(problem)) from None


def _is_text(value: Any) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _below(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("repeated member")
    return members


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
