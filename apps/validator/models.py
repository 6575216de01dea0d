"""What a validator must not forget."""

from django.db import models


class SignedHead(models.Model):
    """The latest checkpoint cosigned for a log, as a note with the log's signature and our cosignatures."""

    origin = models.TextField(primary_key=True)
    origin_hash = models.CharField(max_length=64, unique=True)  # SHA-256 of the origin, hex
    size = models.BigIntegerField()
    root = models.BinaryField()
    note = models.BinaryField()
    signed_at = models.BigIntegerField()  # POSIX seconds

    def __str__(self) -> str:
        return f"{self.origin} at {self.size}"


class StateItem(models.Model):
    """One key of the beacon's state as this validator computed it; the value is canonical JSON."""

    key = models.TextField(primary_key=True)
    value = models.BinaryField()

    def __str__(self) -> str:
        return self.key


class Tile(models.Model):
    """Whole content of a hash tile of the beacon's log, as far as it was replayed."""

    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "index"], name="one_row_per_tile")]

    def __str__(self) -> str:
        return f"tile {self.level}/{self.index}"


class Replica(models.Model):
    """One row: how far the beacon's log was replayed, and what was found wrong with it, if anything."""

    size = models.BigIntegerField(default=0)
    problem = models.TextField(null=True)  # noqa: DJ001 - no problem is another thing than an empty one

    def __str__(self) -> str:
        return f"replayed up to {self.size}"
