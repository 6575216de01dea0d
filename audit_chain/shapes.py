"""JSON objects of an exact shape: every member expected, none besides, each taken by its type."""

from collections.abc import Iterable, Sequence

from audit_chain.canonical import JSON, MAX_INTEGER
from audit_chain.encoding import from_base64
from audit_chain.errors import Malformed


class Shape:
    """One JSON object whose members are exactly `members`; the accessors raise `error`, naming the member at fault."""

    __slots__ = ("_error", "_object", "_what")

    def __init__(self, value: JSON, *, what: str, members: Iterable[str], error: type[Malformed]) -> None:
        self._what = what
        self._error = error
        if not isinstance(value, dict):
            raise error(f"{what} is a JSON object", expected="object", got=type(value).__name__)
        expected = sorted(members)
        if sorted(value) != expected:
            raise error(f"{what} has exactly these members", expected=", ".join(expected), got=f"{len(value)} members")
        self._object: dict[str, JSON] = value

    def _refuse(self, member: str, expected: str, got: object) -> Malformed:
        return self._error(f"{self._what}: {member}", expected=expected, got=type(got).__name__)

    def text(self, member: str) -> str:
        value = self._object[member]
        if not isinstance(value, str):
            raise self._refuse(member, "a string", value)
        return value

    def integer(self, member: str, *, minimum: int = 0) -> int:
        value = self._object[member]
        if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= MAX_INTEGER:
            raise self._refuse(member, f"an integer from {minimum} to 2^53-1", value)
        return value

    def optional_integer(self, member: str, *, minimum: int = 0) -> int | None:
        return None if self._object[member] is None else self.integer(member, minimum=minimum)

    def boolean(self, member: str) -> bool:
        value = self._object[member]
        if not isinstance(value, bool):
            raise self._refuse(member, "true or false", value)
        return value

    def digest(self, member: str, *, size: int) -> bytes:
        """The `size` bytes that the member holds in base64."""
        text = self.text(member)
        try:
            digest = from_base64(text)
        except Malformed:
            raise self._refuse(member, "base64", text) from None
        if len(digest) != size:
            raise self._error(f"{self._what}: {member}", expected=f"{size} bytes", got=f"{len(digest)} bytes")
        return digest

    def texts(self, member: str) -> tuple[str, ...]:
        return tuple(self._text_of(member, item) for item in self.array(member))

    def array(self, member: str) -> Sequence[JSON]:
        value = self._object[member]
        if not isinstance(value, list):
            raise self._refuse(member, "an array", value)
        return value

    def value(self, member: str) -> JSON:
        return self._object[member]

    def constant(self, member: str, expected: JSON) -> None:
        value = self._object[member]
        if value != expected or type(value) is not type(expected):
            raise self._refuse(member, repr(expected), value)

    def _text_of(self, member: str, item: JSON) -> str:
        if not isinstance(item, str):
            raise self._refuse(member, "an array of strings", item)
        return item
