"""Misbehaviour: a lie that its own signatures prove."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from audit_chain.beacon.key_set import KeySet
from audit_chain.errors import MalformedEntry
from audit_chain.log.keys import VerifierKey


class OffenceKind(StrEnum):
    DOUBLE_VOTE = "double-vote"
    SURROUND_VOTE = "surround-vote"
    INCONSISTENT_HEADS = "inconsistent-heads"
    POOL_FORK = "pool-fork"
    BEACON_FORK = "beacon-fork"


@dataclass(frozen=True, slots=True)
class Offence:
    """What was proven, and of whom: a validator's or a pool's name, or the origin of a beacon's log."""

    kind: OffenceKind
    offender: str


class Directory(Protocol):
    """Who has which key: the beacon's state, or the trust policy of somebody offline."""

    @property
    def network(self) -> str: ...

    @property
    def slots_per_epoch(self) -> int: ...

    def validator_keys(self, name: str) -> tuple[KeySet, ...]:
        """All key sets that the validator ever had; UnknownValidator where none is called so."""

    def pool_key(self, name: str) -> VerifierKey:
        """UnknownPool where none is called so."""

    def beacon_key(self, origin: str) -> VerifierKey:
        """UnknownOrigin where the network's beacon has no log of that origin."""


def verify_misbehaviour(proof: str, directory: Directory) -> Offence:
    """The offence that the proof shows. MalformedEntry for what is no proof, InvalidMisbehaviour for a wrong one."""
    raise MalformedEntry("no kind of proof is known", got=f"{len(proof)} characters")
