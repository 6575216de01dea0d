"""What the beacon keeps beside its log and its state map (whose tables are `data_pool.storage`'s)."""

from django.db import models


class Submission(models.Model):
    """An entry that waits for its place in the log. The row goes when the sequencer places or refuses it."""

    entry = models.BinaryField()
    digest = models.BinaryField(unique=True)  # SHA-256 of the entry: the same one waits once
    arrived = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"submission {self.pk}"


class Block(models.Model):
    """Entries `first` up to `size`; its time, root and checkpoint are the log's seal of that size."""

    number = models.BigIntegerField(primary_key=True)  # its slot
    first = models.BigIntegerField(unique=True)
    size = models.BigIntegerField(unique=True)
    entries = models.IntegerField()  # besides votes and the seal
    crosslinks = models.IntegerField()
    decisive = models.BooleanField(default=False)  # this block's own checkpoint became finalized
    final = models.BooleanField(default=False)  # this block or a later one is decisive

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(name="block_holds_its_seal", condition=models.Q(size__gt=models.F("first"))),
        ]
        indexes = [
            models.Index(fields=["size"], name="block_decisive", condition=models.Q(decisive=True)),
            models.Index(fields=["size"], name="block_not_final", condition=models.Q(final=False)),
        ]

    def __str__(self) -> str:
        return f"block {self.number}"


class Epoch(models.Model):
    """What came of an epoch's votes, as the state says; weights as they were when the last of them was counted."""

    number = models.BigIntegerField(primary_key=True)
    size = models.BigIntegerField(unique=True)  # of the tree at its boundary
    voted = models.BigIntegerField(default=0)  # weight
    total = models.BigIntegerField(default=0)  # weight of all that were active
    voters = models.BinaryField(default=b"")  # one bit a validator, the first the lowest of the first byte
    justified = models.BooleanField(default=False)
    finalized = models.BooleanField(default=False)  # this epoch or a later one is

    class Meta:
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"epoch {self.number}"


class Finality(models.Model):
    """What proves offline that the checkpoint of this size is finalized."""

    size = models.BigIntegerField(primary_key=True)
    epoch = models.BigIntegerField(unique=True)
    proof = models.TextField(default="")  # `SealedState` as canonical JSON; empty until a boundary proves it

    class Meta:
        indexes = [models.Index(fields=["size"], name="finality_unproven", condition=models.Q(proof=""))]

    def __str__(self) -> str:
        return f"finality of {self.size}"


class Cosignature(models.Model):
    """A verified signature line of a validator, or of a further witness, on the checkpoint of this size."""

    pk = models.CompositePrimaryKey("size", "validator", "kind")
    size = models.BigIntegerField()
    validator = models.TextField()
    kind = models.SmallIntegerField()
    line = models.TextField()
    signed_at = models.BigIntegerField()  # POSIX seconds, as the validator says

    class Meta:
        indexes = [models.Index(fields=["validator", "-size"], name="latest_cosignature")]

    def __str__(self) -> str:
        return f"{self.validator} on {self.size}"


class DroppedEntry(models.Model):
    """An entry that a restart took out of the log, kept as evidence of what was signed."""

    pk = models.CompositePrimaryKey("origin", "index")
    origin = models.TextField()
    index = models.BigIntegerField()
    entry = models.BinaryField()

    class Meta:
        db_table = "beacon_dropped_entry"

    def __str__(self) -> str:
        return f"dropped entry {self.index} of {self.origin}"


class DroppedCheckpoint(models.Model):
    """A signed checkpoint over dropped entries, with the cosignatures that it had."""

    pk = models.CompositePrimaryKey("origin", "size")
    origin = models.TextField()
    size = models.BigIntegerField()
    note = models.BinaryField()

    class Meta:
        db_table = "beacon_dropped_checkpoint"

    def __str__(self) -> str:
        return f"dropped checkpoint {self.size} of {self.origin}"
