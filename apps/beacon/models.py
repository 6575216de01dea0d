"""What the beacon keeps beside its log (whose tables are `data_pool.storage.postgres_log`'s)."""

from django.db import models


class Submission(models.Model):
    """An entry that waits for its place in the log. The row goes when the sequencer places or refuses it."""

    entry = models.BinaryField()
    digest = models.BinaryField(unique=True)  # SHA-256 of the entry: the same one waits once
    arrived = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"submission {self.pk}"


class StateItem(models.Model):
    """One key of the beacon's state; the value is canonical JSON."""

    key = models.TextField(primary_key=True)
    value = models.BinaryField()

    class Meta:
        db_table = "beacon_state"

    def __str__(self) -> str:
        return self.key


class Block(models.Model):
    """Entries `first` up to `size`; its time, root and checkpoint are the log's seal of that size."""

    number = models.BigIntegerField(primary_key=True)
    first = models.BigIntegerField(unique=True)
    size = models.BigIntegerField(unique=True)
    decisive = models.BooleanField(default=False)  # the quorum signed this block's own checkpoint
    final = models.BooleanField(default=False)  # this block or a later one is decisive

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(name="block_holds_its_seal", condition=models.Q(size__gt=models.F("first"))),
        ]
        indexes = [
            models.Index(fields=["size"], name="block_decisive", condition=models.Q(decisive=True)),
        ]

    def __str__(self) -> str:
        return f"block {self.number}"


class Cosignature(models.Model):
    """A validator's verified signature line on the checkpoint of this size."""

    size = models.BigIntegerField()
    validator = models.TextField()
    kind = models.SmallIntegerField()
    line = models.TextField()
    signed_at = models.BigIntegerField()  # POSIX seconds, as the validator says

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["size", "validator", "kind"], name="one_cosignature_per_key"),
        ]
        indexes = [models.Index(fields=["validator", "-size"], name="latest_cosignature")]

    def __str__(self) -> str:
        return f"{self.validator} on {self.size}"
