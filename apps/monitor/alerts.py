"""Alerts: what is wrong, of whom, since when; open until it is right again."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final


class AlertKind(StrEnum):
    FORK = "fork"
    ROLLED_BACK = "rolled-back"
    UNEXPECTED_SIGNER = "unexpected-signer"
    FINALITY_STALLED = "finality-stalled"
    BEACON_SILENT = "beacon-silent"
    MISSING_VOTE = "missing-vote"
    VALIDATOR_STOPPED = "validator-stopped"
    VALIDATOR_UNREACHABLE = "validator-unreachable"
    LATE_CROSSLINK = "late-crosslink"
    MISSING_CROSSLINK = "missing-crosslink"
    KEY_ENDING = "key-ending"


_SENTENCES: Final = {
    AlertKind.FORK: "{subject} has two histories; the evidence file proves it.",
    AlertKind.ROLLED_BACK: "{subject} shows {number} entries fewer than it has signed.",
    AlertKind.UNEXPECTED_SIGNER: "{subject} signed with a key that is not registered.",
    AlertKind.FINALITY_STALLED: "Nothing has become final on {subject} since epoch {number}.",
    AlertKind.BEACON_SILENT: "The beacon of {subject} has sealed no block for {number} seconds.",
    AlertKind.MISSING_VOTE: "{subject} has not voted in epoch {number}.",
    AlertKind.VALIDATOR_STOPPED: "{subject} has stopped at entry {number} of the beacon's log; its status says why.",
    AlertKind.VALIDATOR_UNREACHABLE: "{subject} does not answer.",
    AlertKind.LATE_CROSSLINK: "{subject} has {number} entries in its log that were cosigned and are not on the beacon.",
    AlertKind.MISSING_CROSSLINK: "{subject} has brought no crosslink for {number} hours.",
    AlertKind.KEY_ENDING: "The keys of {subject} end in {number} days or less.",
}


KEPT: Final = 200
"""Alerts that were cleared; the oldest are forgotten."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at this moment; `number` is what the kind counts, `evidence` the SHA-256 (hex) of a file."""

    kind: AlertKind
    subject: str
    number: int | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """What could not be judged this time: alerts of this kind stay as they are, of one subject or (None) of all."""

    kind: AlertKind
    subject: str | None = None

    def covers(self, alert: "Alert") -> bool:
        return alert.kind is self.kind and self.subject in (None, alert.subject)


@dataclass(frozen=True, slots=True)
class Alert:
    """Times are POSIX seconds. `told` counts the news that the webhook has taken: 1 open, 2 cleared."""

    kind: AlertKind
    subject: str
    since: int
    number: int | None = None
    evidence: str | None = None
    cleared: int | None = None
    told: int = 0

    @property
    def is_open(self) -> bool:
        return self.cleared is None

    @property
    def is_news(self) -> bool:
        """Whether there is something to tell that the webhook has not taken yet."""
        return self.told < (1 if self.is_open else 2)

    @property
    def sentence(self) -> str:
        if self.kind is AlertKind.BEACON_SILENT and self.number is None:
            return f"The beacon of {self.subject} does not answer."
        return _SENTENCES[self.kind].format(subject=self.subject, number=self.number)


def reconcile(
    alerts: Sequence[Alert], findings: Iterable[Finding], *, unknown: Collection[Unknown], now: int
) -> list[Alert]:
    """The alerts as they are now: what was found is open, what was not is cleared, what is unknown stays."""
    found = {(finding.kind, finding.subject): finding for finding in findings}
    opened: list[Alert] = []
    closed = [alert for alert in alerts if not alert.is_open]
    for alert in (alert for alert in alerts if alert.is_open):
        finding = found.pop((alert.kind, alert.subject), None)
        if finding is not None:
            opened.append(_renewed(alert, finding))
        elif any(one.covers(alert) for one in unknown):
            opened.append(alert)
        else:
            closed.append(replace(alert, cleared=now))
    opened += [
        Alert(finding.kind, finding.subject, now, finding.number, finding.evidence) for finding in found.values()
    ]
    closed.sort(key=lambda alert: alert.cleared or 0)
    return [*sorted(opened, key=lambda alert: alert.since), *closed[-KEPT:]]


def _renewed(alert: Alert, finding: Finding) -> Alert:
    is_nearer = alert.kind is AlertKind.KEY_ENDING and (finding.number or 0) < (alert.number or 0)
    told = 0 if is_nearer else alert.told
    return replace(alert, number=finding.number, evidence=finding.evidence or alert.evidence, told=told)
