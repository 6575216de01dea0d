"""A memory in the beacon's database."""

from django.db import transaction

from apps.monitor import models
from apps.monitor.alerts import Alert, AlertKind
from apps.monitor.forks import HeadBook
from apps.monitor.memory import Evidence, Measure, Memory
from apps.monitor.view import Head


class DatabaseStore:
    """Rows are written only where something has changed since this object wrote last."""

    def __init__(self) -> None:
        self._alerts: list[Alert] | None = None
        self._heads: set[Head] | None = None

    def load(self) -> Memory:
        book = HeadBook()
        for head in stored_heads():
            book.add(head)
        return Memory(alerts(), evidence(), book, measures())

    def save(self, memory: Memory) -> None:
        heads = {head for heads in memory.book.heads.values() for head in heads}
        with transaction.atomic():
            if memory.alerts != self._alerts:
                self._save_alerts(memory)
            self._save_evidence(memory)
            self._save_heads(heads, stored_heads() if self._heads is None else self._heads)
            self._save_measures(memory)
        self._alerts, self._heads = list(memory.alerts), heads

    def _save_alerts(self, memory: Memory) -> None:
        models.Alert.objects.all().delete()
        models.Alert.objects.bulk_create(
            models.Alert(
                kind=str(one.kind),
                subject=one.subject,
                since=one.since,
                number=one.number,
                evidence=one.evidence or "",
                cleared=one.cleared,
                told=one.told,
            )
            for one in memory.alerts
        )

    def _save_evidence(self, memory: Memory) -> None:
        for one in memory.evidence:
            values = {"kind": one.kind, "offender": one.offender, "file": one.file, "submitted": one.submitted}
            models.Evidence.objects.update_or_create(digest=one.digest, defaults=values)

    def _save_heads(self, heads: set[Head], stored: set[Head]) -> None:
        for head in stored - heads:
            models.SeenHead.objects.filter(origin=head.origin, size=head.size, root=head.root).delete()
        models.SeenHead.objects.bulk_create(
            models.SeenHead(origin=head.origin, size=head.size, root=head.root, note=head.note)
            for head in heads - stored
        )

    def _save_measures(self, memory: Memory) -> None:
        models.Measure.objects.all().delete()
        models.Measure.objects.bulk_create(
            models.Measure(name=one.name, subject=one.subject, value=one.value) for one in memory.measures
        )


def alerts() -> list[Alert]:
    """All alerts: the open ones first, the longest open first; then those that were cleared, the latest first."""
    found = [
        Alert(AlertKind(row.kind), row.subject, row.since, row.number, row.evidence or None, row.cleared, row.told)
        for row in models.Alert.objects.all()
    ]
    return sorted(found, key=lambda alert: (not alert.is_open, alert.since if alert.is_open else -(alert.cleared or 0)))


def stored_heads() -> set[Head]:
    rows = models.SeenHead.objects.all()
    return {Head(row.origin, row.size, bytes(row.root), bytes(row.note)) for row in rows}


def evidence() -> list[Evidence]:
    return [
        Evidence(row.digest, row.kind, row.offender, bytes(row.file), row.submitted)
        for row in models.Evidence.objects.order_by("digest")
    ]


def evidence_file(digest: str) -> bytes | None:
    row = models.Evidence.objects.filter(digest=digest).first()
    return bytes(row.file) if row else None


def measures() -> list[Measure]:
    return [Measure(row.name, row.value, row.subject) for row in models.Measure.objects.order_by("name", "subject")]
