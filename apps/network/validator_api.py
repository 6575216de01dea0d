"""What a validator says of itself at /status."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WitnessedLog:
    """The greatest tree of a log that the validator has cosigned, and when (RFC 3339)."""

    origin: str
    size: int
    root: bytes
    time: str


@dataclass(frozen=True, slots=True)
class Following:
    """How far the validator has replayed the beacon's log; `problem` says why it stopped believing it, if it did."""

    url: str
    size: int
    problem: str | None


@dataclass(frozen=True, slots=True)
class ValidatorStatus:
    name: str
    network: str
    keys: tuple[str, ...]
    logs: tuple[WitnessedLog, ...]
    beacon: Following
