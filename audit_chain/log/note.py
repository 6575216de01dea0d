"""Signed notes: a text and the signatures under it (C2SP signed-note).

    tallystick.local/beacon
    7
    JpZOQJ0Lgb4bbXboaby0r1DnNLw+nNfqqSKpC5diSEU=

    — tallystick.local/beacon NW7vrRBGZPtFyEc+K3ozjSoLpMGM3w2EWfYB1lGy0eISBi3UQEoyT1Uci7N6ewa7NxOizop9tV+S91KpxBLD6z52jA4=

The text keeps its final newline and lacks the empty line that follows it.
"""  # noqa: E501 - a signature line cannot be wrapped

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

from audit_chain.encoding import from_base64, to_base64
from audit_chain.errors import AmbiguousKey, InvalidSignature, MalformedEncoding, MalformedNote

MAX_NOTE_SIZE = 1 << 20
"""Bytes; room for MAX_SIGNATURES ML-DSA-44 lines of about 3.5 kB each."""

MAX_SIGNATURES = 256
"""More than the 129 of a log with 64 witnesses that sign with two keys each."""

MAX_NAME_SIZE = 255
"""Bytes of a key name or origin in UTF-8; an ML-DSA-44 cosignature counts them in one byte."""

KEY_ID_SIZE = 4

_EM_DASH = "\N{EM DASH}"
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line; `blob` is what follows the key ID, in the form that the key's kind gives it."""

    name: str
    key_id: bytes
    blob: bytes

    @classmethod
    def parse(cls, line: str) -> Self:
        """Signature of one line without its newline."""
        marker, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        if marker != _EM_DASH or not encoded:
            raise MalformedNote("not a signature line of em dash, name and base64", got=f"{len(line)} characters")
        check_key_name(name)
        try:
            data = from_base64(encoded)
        except MalformedEncoding as error:
            raise MalformedNote(f"signature of {name}: {error}") from None
        if len(data) <= KEY_ID_SIZE:
            raise MalformedNote(f"signature of {name} is too short", expected="more than 4 bytes", got=len(data))
        return cls(name, data[:KEY_ID_SIZE], data[KEY_ID_SIZE:])

    def line(self) -> str:
        """The signature line without its newline."""
        return f"{_EM_DASH} {self.name} {to_base64(self.key_id + self.blob)}"


class Verifier(Protocol):
    """A key that a note can be checked with."""

    @property
    def name(self) -> str: ...

    @property
    def key_id(self) -> bytes: ...

    def verify(self, text: str, blob: bytes) -> None:
        """Nothing, or InvalidSignature."""


AnyVerifier = TypeVar("AnyVerifier", bound=Verifier)


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends in a newline, and at least one signature."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, data: bytes, *, max_signatures: int = MAX_SIGNATURES) -> Self:
        """The note whose bytes these are; signatures are read, not verified."""
        if len(data) > MAX_NOTE_SIZE:
            raise MalformedNote("note is too large", expected=f"at most {MAX_NOTE_SIZE} bytes", got=len(data))
        try:
            whole = data.decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedNote("note is not UTF-8") from None
        head, separator, tail = whole.rpartition("\n\n")
        if not separator:
            raise MalformedNote("no empty line between text and signatures")
        text = check_text(head + "\n")
        signatures = parse_signature_lines(tail)
        if len(signatures) > max_signatures:
            raise MalformedNote("too many signatures", expected=f"at most {max_signatures}", got=len(signatures))
        return cls(text, signatures)

    def render(self) -> bytes:
        """The bytes of the note."""
        return f"{self.text}\n{render_signature_lines(self.signatures)}".encode()

    def with_signatures(self, *signatures: Signature) -> Self:
        """The note with these signatures after its own; a line it already has is not repeated."""
        return type(self)(self.text, tuple(dict.fromkeys([*self.signatures, *signatures])))


def parse_signature_lines(lines: str) -> tuple[Signature, ...]:
    """Signatures of one or more lines, each ended by a newline."""
    if not lines.endswith("\n"):
        raise MalformedNote("no signature line that ends in a newline")
    return tuple(Signature.parse(line) for line in lines[:-1].split("\n"))


def render_signature_lines(signatures: Iterable[Signature]) -> str:
    """One line for each signature."""
    return "".join(f"{signature.line()}\n" for signature in signatures)


def check_text(text: str) -> str:
    """The text itself, where it can be signed: it ends in a newline and has no other control character."""
    if not text.endswith("\n"):
        raise MalformedNote("note text does not end in a newline")
    if _CONTROL.search(text):
        raise MalformedNote("note text has a control character")
    return text


def check_key_name(name: str) -> str:
    """The name itself, where a key may bear it: not empty, no white space, control character or plus sign."""
    if name.split() != [name] or "+" in name or _CONTROL.search(name):
        raise MalformedNote("not a key name without spaces, controls and '+'", got=f"{len(name)} characters")
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        raise MalformedNote("key name is not Unicode text") from None
    if size > MAX_NAME_SIZE:
        raise MalformedNote("key name is too long", expected=f"at most {MAX_NAME_SIZE} bytes", got=size)
    return name


def verified_signatures(note: Note, keys: Iterable[AnyVerifier]) -> list[tuple[AnyVerifier, Signature]]:
    """Each known key that signed, with its first signature (C2SP signed-note, "Signatures").

    Lines of unknown keys are ignored. Raises InvalidSignature where any line of a known key does not
    verify or no known key signed, and AmbiguousKey where two given keys fit one line.
    """
    known: dict[tuple[str, bytes], list[AnyVerifier]] = {}
    for key in keys:
        known.setdefault((key.name, key.key_id), []).append(key)

    verified: dict[tuple[str, bytes], tuple[AnyVerifier, Signature]] = {}
    for signature in note.signatures:
        identity = (signature.name, signature.key_id)
        candidates = known.get(identity, [])
        if len(candidates) > 1:
            raise AmbiguousKey(f"two keys of {signature.name} share one key ID")
        for key in candidates:
            key.verify(note.text, signature.blob)
            verified.setdefault(identity, (key, signature))
    if not verified:
        raise InvalidSignature(
            "no known key signed",
            expected=f"one of {len(known)} known keys",
            got=f"{len(note.signatures)} signatures of unknown keys",
        )
    return list(verified.values())
