"""A verdict as a page shows it: one sentence to quote, then what it shows, on whose word, and what it does not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from apps.accounts.selectors import organisation_names
from apps.portal import wording
from audit_chain.proof.verdict import Attestation, EvidenceFinding, Outcome, RecordFinding, Step, Verdict

_BADGES = {
    Outcome.PASSED: ("final", "proven"),
    Outcome.FAILED: ("bad", "fails"),
    Outcome.NOT_REACHED: ("", "not reached"),
}


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
class VerdictView:
    verified: bool
    kind: str  # "record" or "evidence"
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
    return "evidence" if "evidence" in verdict.kind.value else "record"


def _line(step: Step) -> StepLine:
    badge, word = _BADGES[step.outcome]
    return StepLine(step.title, step.detail, step.outcome, badge, word)


def _witnesses(attestations: Sequence[Attestation], names: Mapping[str, str]) -> tuple[Witness, ...]:
    return tuple(
        Witness(party_name(one.validator, names), datetime.fromtimestamp(one.time, tz=UTC)) for one in attestations
    )


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC)
