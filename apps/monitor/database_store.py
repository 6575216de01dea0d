"""A memory in the beacon's database."""

from django.db import transaction

from apps.monitor import models
from apps.monitor.alerts import Alert, AlertKind
from apps.monitor.forks import HeadBook
from apps.monitor.memory import Evidence, Measure, Memory
from apps.monitor.view import Head


class DatabaseStore:
    def load(self) -> Memory:
        book = HeadBook()
        for row in models.SeenHead.objects.all():
            book.add(Head(row.origin, row.size, bytes(row.root), bytes(row.note)))
        return Memory(alerts(), evidence(), book, measures())

    @transaction.atomic
    def save(self, memory: Memory) -> None:
        """Everything anew, in one transaction: it is a few hundred rows."""
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
        for one in memory.evidence:
            values = {"kind": one.kind, "offender": one.offender, "file": one.file, "submitted": one.submitted}
            models.Evidence.objects.update_or_create(digest=one.digest, defaults=values)
        models.SeenHead.objects.all().delete()
        models.SeenHead.objects.bulk_create(
            models.SeenHead(origin=head.origin, size=head.size, root=head.root, note=head.note)
            for heads in memory.book.heads.values()
            for head in heads
        )
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
