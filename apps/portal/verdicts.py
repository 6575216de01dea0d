"""A verdict as a page shows it: one sentence to quote, then what it shows, on whose word, and what it does not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from apps.accounts.selectors import organisation_names
from apps.portal import wording
from audit_chain.canonical import JSON
from audit_chain.proof.bundle import Kind
from audit_chain.proof.verdict import (
    Attestation,
    EvidenceFinding,
    Outcome,
    RecordFinding,
    StateFinding,
    Step,
    Verdict,
)

_BADGES = {
    Outcome.PASSED: ("final", "proven"),
    Outcome.FAILED: ("bad", "fails"),
    Outcome.NOT_REACHED: ("", "not reached"),
}


_OWN = ("casper", "network")  # stand in every sealed state, to show which boundary it is
_EVIDENCE = "evidence/"


@dataclass(frozen=True, slots=True)
class Witness:
    name: str
    time: datetime


@dataclass(frozen=True, slots=True)
class StepLine:
    title: str
    detail: str
    outcome: Outcome
    badge: str
    word: str


@dataclass(frozen=True, slots=True)
class Said:
    """What the chain's state says of one name; `deposits` are the members that deposited the file of this name."""

    name: str
    text: str  # the value, empty where there is none
    is_evidence: bool
    deposits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VerdictView:
    verified: bool
    kind: str  # "record", "evidence" or "state"
    party: str  # whose record or deposit it is, as people know it
    since: datetime | None
    final_by: datetime | None
    witnesses: tuple[Witness, ...]
    steps: tuple[StepLine, ...]
    failed: StepLine | None
    failed_number: int | None
    not_shown: tuple[str, ...]
    groups: tuple[wording.Group, ...] = ()
    count: int = 0
    hidden: int = 0
    record: str = ""
    title: str = ""
    digest: str = ""
    file_compared: bool = False
    standing: str = ""  # what the pool says of whether the record still stands
    still_stands: bool = False
    said: tuple[Said, ...] = ()

    @property
    def is_absence(self) -> bool:
        """Whether all it says is that a file was not deposited."""
        return len(self.said) == 1 and self.said[0].is_evidence and not self.said[0].deposits


def verdict_view(verdict: Verdict, *, names: Mapping[str, str] | None = None) -> VerdictView:
    """What the template needs; `names` are display names by member, read once where many verdicts are shown."""
    names = organisation_names() if names is None else names
    steps = tuple(_line(step) for step in verdict.steps)
    failed = verdict.failed
    finding = verdict.finding
    common = {
        "verified": verdict.verified,
        "steps": steps,
        "failed": _line(failed) if failed else None,
        "failed_number": failed.number if failed else None,
    }
    if finding is None:
        return VerdictView(
            **common, kind=_kind(verdict), party="", since=None, final_by=None, witnesses=(), not_shown=()
        )
    if isinstance(finding, StateFinding):
        return VerdictView(
            **common,
            kind="state",
            party="",
            since=datetime.fromisoformat(finding.stated_time),
            final_by=_moment(finding.final_by),
            witnesses=_witnesses(finding.finalized, names),
            not_shown=finding.not_shown,
            file_compared=finding.file_compared,
            said=tuple(_said(name, value, names) for name, value in finding.values.items() if name not in _OWN),
        )
    since = _moment(finding.existed_by)
    shared = common | {
        "party": party_name(finding.member, names),
        "since": since,
        "witnesses": _witnesses(finding.finalized, names),
        "not_shown": finding.not_shown,
        "file_compared": finding.file_compared,
    }
    if isinstance(finding, EvidenceFinding):
        return VerdictView(**shared, kind="evidence", final_by=since, digest=finding.digest.hex())
    return VerdictView(
        **shared,
        kind="record",
        final_by=_moment(finding.final_by),
        groups=wording.groups(finding.fields),
        count=len(finding.fields),
        hidden=finding.hidden,
        record=finding.record,
        title=record_title(finding),
        standing=finding.standing.sentence if finding.standing else "",
        still_stands=finding.standing is not None and finding.standing.current,
    )


def record_title(finding: RecordFinding) -> str:
    """Invoice 2026-0173, as far as the disclosed fields tell."""
    kind, number = finding.fields.get("kind"), finding.fields.get("number")
    words = wording.kind_name(kind) if isinstance(kind, str) else "Record"
    return f"{words} {number}" if number else words


def party_name(name: str, names: Mapping[str, str]) -> str:
    """The display name where this portal knows the party, else its name on the network, read aloud."""
    return names.get(name) or name.replace("-", " ").capitalize()


def _kind(verdict: Verdict) -> str:
    return {Kind.EVIDENCE: "evidence", Kind.STATE: "state"}.get(verdict.kind, "record")


def _said(name: str, value: JSON, names: Mapping[str, str]) -> Said:
    deposits = [one.get("member") for one in value if isinstance(one, dict)] if isinstance(value, list) else []
    return Said(
        name=name,
        text="" if value is None else json.dumps(value, indent=2, ensure_ascii=False),
        is_evidence=name.startswith(_EVIDENCE),
        deposits=tuple(party_name(str(member), names) for member in deposits) if name.startswith(_EVIDENCE) else (),
    )


def _line(step: Step) -> StepLine:
    badge, word = _BADGES[step.outcome]
    return StepLine(step.title, step.detail, step.outcome, badge, word)


def _witnesses(attestations: Sequence[Attestation], names: Mapping[str, str]) -> tuple[Witness, ...]:
    return tuple(
        Witness(party_name(one.validator, names), datetime.fromtimestamp(one.time, tz=UTC)) for one in attestations
    )


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC)
