"""Memory: what the monitor keeps from one look to the next, and where."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from apps.monitor.alerts import Alert
from apps.monitor.forks import HeadBook


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file with a proof of misbehaviour; `submitted` once the beacon has taken it or said no."""

    digest: str
    kind: str
    offender: str
    file: bytes
    submitted: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """A number for the metrics, of one subject or (empty) of the network."""

    name: str
    value: int
    subject: str = ""


@dataclass(slots=True)
class Memory:
    alerts: list[Alert] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    book: HeadBook = field(default_factory=HeadBook)
    measures: Sequence[Measure] = ()


class Store(Protocol):
    """Keeps one memory. A stop between `load` and `save` loses what one look found; the next finds it again."""

    def load(self) -> Memory: ...

    def save(self, memory: Memory) -> None: ...
