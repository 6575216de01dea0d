"""What a validator must not forget. The state map's tables are in `apps.validator.state_store`."""

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


class SignedVote(models.Model):
    """A vote that one of our keys has cast, or that it must count as cast (docs/spec/slashing-protection.md)."""

    network = models.CharField(max_length=64)  # EIP-3076's genesis_validators_root, hex
    pubkey = models.CharField(max_length=96)  # hex
    source = models.BigIntegerField()
    target = models.BigIntegerField()
    signing_root = models.BinaryField(null=True)
    is_floor = models.BooleanField(default=False)  # not signed itself: all at or below it is forbidden

    class Meta:
        indexes = [models.Index(fields=["network", "pubkey"], name="votes_of_a_key")]

    def __str__(self) -> str:
        return f"{self.source} to {self.target}"


class SignedBlock(models.Model):
    """A block that a key of an imported file has proposed. Our validators propose none."""

    network = models.CharField(max_length=64)
    pubkey = models.CharField(max_length=96)
    slot = models.BigIntegerField()
    signing_root = models.BinaryField(null=True)
    is_floor = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["network", "pubkey"], name="blocks_of_a_key")]

    def __str__(self) -> str:
        return f"slot {self.slot}"


class Replica(models.Model):
    """One row: the origin of the beacon's log that the state was replayed from, and what has to be minded.

    `problem` is why this validator signs nothing any more; only its operator clears it. `is_amnesic` says that it was
    found to have signed what it does not remember: it sits out the epoch at hand.
    """

    origin = models.TextField(default="")
    problem = models.TextField(null=True)  # noqa: DJ001 - no problem is another thing than an empty one
    is_amnesic = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"replica of {self.origin}"
