"""Proof that one entry stands in a log, as a text that is checked offline (C2SP tlog-proof).

    c2sp.org/tlog-proof@v1
    index 1
    0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=
    id5LGvZcS3PRsqhj/Ho+W14CGlGS7b7vhplvT4UUCTM=
    KwR1R6Ax4b2cmPX4l6LM3Omo4GP54MU3RqcJST9USsI=

    tallystick.local/beacon
    7
    JpZOQJ0Lgb4bbXboaby0r1DnNLw+nNfqqSKpC5diSEU=

    — tallystick.local/beacon NW7vrRBGZPtFyEc+K3ozjSoLpMGM3w2EWfYB1lGy0eISBi3UQEoyT1Uci7N6ewa7NxOizop9tV+S91KpxBLD6z52jA4=

An `extra` line with base64 data may stand before the index; nothing vouches for it.
"""  # noqa: E501 - a signature line cannot be wrapped

from dataclasses import dataclass
from typing import Self

from audit_chain.encoding import from_base64, from_decimal, to_base64
from audit_chain.errors import Malformed, MalformedTlogProof
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.note import MAX_NOTE_SIZE, Note
from audit_chain.merkle.hashing import HASH_SIZE
from audit_chain.merkle.proof import verify_inclusion

HEADER = "c2sp.org/tlog-proof@v1"

MAX_PROOF_LINES = 63
"""Hashes on the longest path in a tree of fewer than 2**63 entries."""

MAX_EXTRA_SIZE = 1 << 16
"""Bytes."""

_MAX_SIZE = MAX_NOTE_SIZE + 2 * MAX_EXTRA_SIZE


@dataclass(frozen=True, slots=True)
class TlogProof:
    """Index and inclusion path of one entry, and the signed checkpoint that they lead to, byte for byte."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The proof of these bytes, its checkpoint read but not verified."""
        if len(data) > _MAX_SIZE:
            raise MalformedTlogProof("proof is too large", expected=f"at most {_MAX_SIZE} bytes", got=len(data))
        head, separator, checkpoint = data.partition(b"\n\n")
        if not separator:
            raise MalformedTlogProof("no empty line before the checkpoint")
        try:
            proof = cls._parse_head(head.decode("ascii").split("\n"), checkpoint)
            LogCheckpoint.parse(Note.parse(checkpoint).text)
        except UnicodeDecodeError:
            raise MalformedTlogProof("not ASCII above the checkpoint") from None
        except MalformedTlogProof:
            raise
        except Malformed as error:
            raise MalformedTlogProof(str(error)) from None
        return proof

    @classmethod
    def _parse_head(cls, lines: list[str], checkpoint: bytes) -> Self:
        if lines[0] != HEADER:
            raise MalformedTlogProof("not a tlog-proof", expected=HEADER, got=f"{len(lines[0])} characters")
        rest = lines[1:]
        extra = from_base64(rest.pop(0).removeprefix("extra ")) if rest and rest[0].startswith("extra ") else None
        if extra is not None and len(extra) > MAX_EXTRA_SIZE:
            raise MalformedTlogProof("extra data is too large", expected=f"at most {MAX_EXTRA_SIZE}", got=len(extra))
        if not rest or not rest[0].startswith("index "):
            raise MalformedTlogProof("no index line")
        index = from_decimal(rest.pop(0).removeprefix("index "))
        return cls(index, parse_hash_lines(rest), checkpoint, extra)

    def render(self) -> bytes:
        """The bytes of the proof."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {to_base64(self.extra)}")
        lines.append(f"index {self.index}")
        lines.extend(map(to_base64, self.hashes))
        return "".join(f"{line}\n" for line in lines).encode() + b"\n" + self.checkpoint

    def verify(self, leaf_hash: bytes) -> LogCheckpoint:
        """The checkpoint whose tree holds the leaf at `index`; who signed it is for a TrustPolicy to say."""
        checkpoint = LogCheckpoint.parse(Note.parse(self.checkpoint).text)
        verify_inclusion(
            leaf_hash=leaf_hash, index=self.index, size=checkpoint.size, proof=self.hashes, root=checkpoint.root
        )
        return checkpoint


def parse_hash_lines(lines: list[str]) -> tuple[bytes, ...]:
    """Hashes of up to 63 base64 lines."""
    if len(lines) > MAX_PROOF_LINES:
        raise MalformedTlogProof("proof has too many lines", expected=f"at most {MAX_PROOF_LINES}", got=len(lines))
    hashes = tuple(map(from_base64, lines))
    for value in hashes:
        if len(value) != HASH_SIZE:
            raise MalformedTlogProof("hash has the wrong length", expected=HASH_SIZE, got=len(value))
    return hashes
