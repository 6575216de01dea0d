"""Votes: validators' cosignatures on one epoch-boundary checkpoint, packed for an attestation entry.

Each vote takes 76 bytes: index in the registry (4, big-endian), POSIX seconds (8), Ed25519 signature (64). They stand
in order of their indices, no index twice. What was signed is not repeated: it is the checkpoint that the entry names.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from audit_chain.encoding import MAX_UINT63
from audit_chain.errors import MalformedEntry
from audit_chain.log.cosignature import ED25519_SIGNATURE_SIZE, TIMESTAMP_SIZE, join_cosignature

INDEX_SIZE: Final = 4
VOTE_SIZE: Final = INDEX_SIZE + TIMESTAMP_SIZE + ED25519_SIGNATURE_SIZE
MAX_VOTES: Final = 600
"""In one entry, which base64 and the rest bring to about 61 kB of the 64 that a log takes."""


@dataclass(frozen=True, slots=True)
class Vote:
    """One validator's cosignature; `blob` is that of its signature line: time, then the raw signature."""

    validator: int
    blob: bytes

    @property
    def timestamp(self) -> int:
        return int.from_bytes(self.blob[:TIMESTAMP_SIZE], "big")

    @classmethod
    def of(cls, validator: int, timestamp: int, raw: bytes) -> Self:
        return cls(validator, join_cosignature(timestamp, raw))


def pack_votes(votes: Iterable[Vote]) -> bytes:
    """The votes in order of their validators."""
    ordered = sorted(votes, key=lambda vote: vote.validator)
    return b"".join(vote.validator.to_bytes(INDEX_SIZE, "big") + vote.blob for vote in ordered)


def unpack_votes(data: bytes) -> tuple[Vote, ...]:
    """The votes of packed bytes; MalformedEntry for bytes that no votes pack into."""
    count, rest = divmod(len(data), VOTE_SIZE)
    if rest or not 1 <= count <= MAX_VOTES:
        raise MalformedEntry("votes have 76 bytes each", expected=f"1 to {MAX_VOTES} votes", got=f"{len(data)} bytes")
    votes = []
    last = -1
    for start in range(0, len(data), VOTE_SIZE):
        index = int.from_bytes(data[start : start + INDEX_SIZE], "big")
        if index <= last:
            raise MalformedEntry("votes stand in order of their validators", expected=f"above {last}", got=index)
        vote = Vote(index, data[start + INDEX_SIZE : start + VOTE_SIZE])
        if not 0 < vote.timestamp <= MAX_UINT63:
            raise MalformedEntry("a vote has a time", expected="POSIX seconds, above 0", got=vote.timestamp)
        votes.append(vote)
        last = index
    return tuple(votes)
