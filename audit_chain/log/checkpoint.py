"""Checkpoints: what a log says about its tree, as the text of a note (C2SP tlog-checkpoint).

    tallystick.local/beacon
    7
    JpZOQJ0Lgb4bbXboaby0r1DnNLw+nNfqqSKpC5diSEU=

The lines are origin, number of entries, and root hash in base64.
"""

from dataclasses import dataclass
from typing import Self

from audit_chain.encoding import from_base64, from_decimal, to_base64
from audit_chain.errors import MalformedCheckpoint, MalformedEncoding, MalformedNote
from audit_chain.log.note import check_text
from audit_chain.merkle.hashing import HASH_SIZE


@dataclass(frozen=True, slots=True)
class LogCheckpoint:
    """The size and root of the log named `origin`; Tallystick's own logs have no extension lines."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The checkpoint of a note text."""
        try:
            check_text(text)
        except MalformedNote as error:
            raise MalformedCheckpoint(str(error)) from None
        lines = text[:-1].split("\n")
        if len(lines) < 3:
            raise MalformedCheckpoint("too few lines", expected="origin, size and root", got=len(lines))
        if not all(lines):
            raise MalformedCheckpoint("checkpoint has an empty line")
        origin, size, root, *extensions = lines
        try:
            checkpoint = cls(origin, from_decimal(size), from_base64(root), tuple(extensions))
        except MalformedEncoding as error:
            raise MalformedCheckpoint(f"size or root: {error}") from None
        if len(checkpoint.root) != HASH_SIZE:
            raise MalformedCheckpoint("root has the wrong length", expected=HASH_SIZE, got=len(checkpoint.root))
        return checkpoint

    def text(self) -> str:
        """The note text to sign."""
        lines = (self.origin, str(self.size), to_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)
