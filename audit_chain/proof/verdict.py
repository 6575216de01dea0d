"""Verdict: what a verified bundle shows, on whose word, and what it does not; or the step at which it was refuted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from audit_chain.canonical import JSON
from audit_chain.encoding import from_time, to_hex, to_time
from audit_chain.proof.bundle import Kind
from audit_chain.records.fields import Value


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_REACHED = "not reached"


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered step of docs/spec/verification.md; `detail` says what was found, or what was expected and got."""

    number: int
    title: str
    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True)
class Attestation:
    """One validator's word, and when it gave it (POSIX seconds)."""

    validator: str
    time: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What the pool itself says of a record: whether it is the latest version, and whether it is void.

    `stated_time` is when the pool says that it said so; `stated_by` the moment by which a quorum had witnessed it, None
    where the policy asks for no witness.
    """

    current: bool
    void: bool
    stated_time: str
    stated_by: int | None

    @property
    def words(self) -> str:
        if self.current:
            return "the latest version, and not void"
        return "void" if self.void else "replaced"

    @property
    def sentence(self) -> str:
        what = "This is the latest version and it is not void"
        if not self.current:
            what = "This record is void" if self.void else "This record has been replaced"
        by = (
            ""
            if self.stated_by is None
            else f", which validators witnessed no later than {time_in_words(self.stated_by)}"
        )
        return f"{what}, as the pool stated on {stated_time_in_words(self.stated_time)}{by}."

    def to_json(self) -> dict[str, JSON]:
        return {
            "current": self.current,
            "void": self.void,
            "stated_time": self.stated_time,
            "stated_by": _time_or_null(self.stated_by),
        }


@dataclass(frozen=True, slots=True)
class RecordFinding:
    """What the bundle of a record shows.

    `hidden` counts the closed leaves, some of which are decoys. `existed_by` is the moment by which a quorum had
    witnessed the pool's log, `final_by` the one by which a quorum had signed the beacon's; both are None where the
    policy asks for no witness. `standing` is None where the bundle says nothing of whether the record still stands.
    """

    network: str
    pool: str
    member: str
    record: str
    fields: Mapping[str, Value]
    hidden: int
    existed_by: int | None
    witnessed: tuple[Attestation, ...]
    final_by: int | None
    finalized: tuple[Attestation, ...]
    standing: Standing | None
    file_compared: bool

    @property
    def sentence(self) -> str:
        standing = f" {self.standing.sentence}" if self.standing else ""
        return self._existence + standing

    @property
    def _existence(self) -> str:
        if not self.fields:
            return f"A record of {self.member} {_existed(self.existed_by)}. None of its fields is disclosed."
        subject = "This field stands" if len(self.fields) == 1 else f"These {len(self.fields)} fields stand"
        file = " The file is the document it was made from." if self.file_compared else ""
        return f"{subject} unchanged in a record of {self.member} that {_existed(self.existed_by)}.{file}"

    @property
    def not_shown(self) -> tuple[str, ...]:
        return (
            "Whether what the document says is true, or was when it was recorded.",
            "Whether the record has been disputed or paid, or replaced after the pool said so."
            if self.standing
            else "Whether the record has been replaced, disputed or paid since.",
            "Whether the same claim stands in another record, too.",
            "What the fields say that stay hidden." if self.hidden else "What the document says beyond its fields.",
        )

    def to_json(self) -> dict[str, JSON]:
        return {
            "network": self.network,
            "pool": self.pool,
            "member": self.member,
            "record": self.record,
            "fields": dict(self.fields),
            "hidden_at_most": self.hidden,
            "existed_by": _time_or_null(self.existed_by),
            "witnessed": _attestations(self.witnessed),
            "final_by": _time_or_null(self.final_by),
            "finalized": _attestations(self.finalized),
            "standing": None if self.standing is None else self.standing.to_json(),
            "file_compared": self.file_compared,
        }


@dataclass(frozen=True, slots=True)
class EvidenceFinding:
    """What the bundle of a deposit shows.

    `existed_by` is the moment by which a quorum had signed the beacon's log with the deposit in it, None where the
    policy asks for no witness; `stated_time` is the beacon's own word for when it took the deposit in.
    """

    network: str
    member: str
    digest: bytes
    stated_time: str
    existed_by: int | None
    finalized: tuple[Attestation, ...]
    file_compared: bool

    @property
    def sentence(self) -> str:
        if self.file_compared:
            return f"This file is unchanged since {self.member} deposited it. The deposit {_existed(self.existed_by)}."
        return f"{self.member} deposited a file with the fingerprint below. The deposit {_existed(self.existed_by)}."

    @property
    def not_shown(self) -> tuple[str, ...]:
        return (
            "Whether what the file says is true.",
            "When and by whom the file was made, and what happened to it before the deposit.",
            "That the deposit was made at the time that the beacon states: this is the beacon's own word.",
        )

    def to_json(self) -> dict[str, JSON]:
        return {
            "network": self.network,
            "member": self.member,
            "sha256": to_hex(self.digest),
            "stated_time": self.stated_time,
            "existed_by": _time_or_null(self.existed_by),
            "finalized": _attestations(self.finalized),
            "file_compared": self.file_compared,
        }


@dataclass(frozen=True, slots=True)
class StateFinding:
    """What the beacon's state says of names, at a final checkpoint; the value of a name that it does not have is None.

    `stated_time` is the beacon's own word for when that state was sealed, `final_by` the moment by which a quorum had
    signed it, None where the policy asks for no witness.
    """

    network: str
    values: Mapping[str, JSON]
    stated_time: str
    final_by: int | None
    finalized: tuple[Attestation, ...]
    file_compared: bool

    @property
    def sentence(self) -> str:
        said = " ".join(_said(name, value, this=self.file_compared) for name, value in self.values.items())
        return (
            f"{said} So says the state of {self.network} that was sealed on {stated_time_in_words(self.stated_time)}."
        )

    @property
    def not_shown(self) -> tuple[str, ...]:
        return (
            "What was entered into the log after that state was sealed.",
            "That it was sealed at the time that the beacon states: this is the beacon's own word.",
            "What anybody knows or holds who did not tell the beacon.",
        )

    def to_json(self) -> dict[str, JSON]:
        return {
            "network": self.network,
            "values": dict(self.values),
            "stated_time": self.stated_time,
            "final_by": _time_or_null(self.final_by),
            "finalized": _attestations(self.finalized),
            "file_compared": self.file_compared,
        }


Finding: TypeAlias = RecordFinding | EvidenceFinding | StateFinding


@dataclass(frozen=True, slots=True)
class Verdict:
    """Verified, with a finding, where every step passed; refuted, with none, where one failed."""

    kind: Kind
    steps: tuple[Step, ...]
    finding: Finding | None

    @property
    def verified(self) -> bool:
        return self.finding is not None

    @property
    def failed(self) -> Step | None:
        """The step at which the bundle was refuted."""
        return next((step for step in self.steps if step.outcome is Outcome.FAILED), None)

    @property
    def sentence(self) -> str:
        """The outcome in one sentence or two, for people."""
        if self.finding is not None:
            return self.finding.sentence
        failed = self.failed
        where = f" It fails at step {failed.number}: “{failed.title}”." if failed else ""
        return f"This proof does not hold.{where}"

    def to_json(self) -> dict[str, JSON]:
        steps: list[JSON] = [
            {"number": step.number, "title": step.title, "outcome": step.outcome.value, "detail": step.detail}
            for step in self.steps
        ]
        return {
            "verdict": "verified" if self.verified else "refuted",
            "kind": self.kind.value,
            "sentence": self.sentence,
            "failed_step": self.failed.number if self.failed else None,
            "steps": steps,
            "shows": self.finding.to_json() if self.finding else None,
            "does_not_show": list(self.finding.not_shown) if self.finding else None,
        }


_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def time_in_words(seconds: int) -> str:
    """As in `22 November 2026, 15:40:00 UTC`, in every locale."""
    date, clock = to_time(seconds).rstrip("Z").split("T")
    year, month, day = map(int, date.split("-"))
    return f"{day} {_MONTHS[month - 1]} {year}, {clock} UTC"


def stated_time_in_words(time: str) -> str:
    """The same for RFC 3339 text."""
    return time_in_words(from_time(time))


def _existed(by: int | None) -> str:
    return "existed at a time that nobody attests to" if by is None else f"existed no later than {time_in_words(by)}"


def _time_or_null(seconds: int | None) -> str | None:
    return None if seconds is None else to_time(seconds)


def _attestations(attestations: Sequence[Attestation]) -> list[JSON]:
    return [{"validator": one.validator, "time": to_time(one.time)} for one in attestations]


def _said(name: str, value: JSON, *, this: bool) -> str:
    """What one value says, in a sentence."""
    kind, _, what = name.partition("/")
    if kind != "evidence":
        return f"There is nothing called {name}." if value is None else f"{name} has the value shown below."
    file = "this file" if this else f"a file with the SHA-256 fingerprint {what}"
    if value is None:
        return f"There is no deposit of {file}."
    members = [str(one["member"]) for one in value if isinstance(one, dict)] if isinstance(value, list) else []
    return f"There {'is a deposit' if len(members) == 1 else 'are deposits'} of {file} by {', '.join(members)}."
