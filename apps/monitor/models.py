"""The monitor's memory beside the beacon's: names, numbers, hashes, signed checkpoints and proofs."""

from django.db import models


class Alert(models.Model):
    """Something wrong; times are POSIX seconds, `cleared` is null as long as it is."""

    kind = models.TextField()
    subject = models.TextField()
    since = models.BigIntegerField()
    number = models.BigIntegerField(null=True)
    evidence = models.TextField(default="")  # SHA-256 of the file, in hex
    cleared = models.BigIntegerField(null=True)
    told = models.SmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=models.Q(cleared=None), name="one_open_alert_per_subject"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class Evidence(models.Model):
    """A file with a proof of misbehaviour, as anybody may check it."""

    digest = models.TextField(primary_key=True)  # SHA-256 of the file, in hex
    kind = models.TextField()
    offender = models.TextField()
    file = models.BinaryField()
    submitted = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "offender"], name="one_proof_per_offence")]

    def __str__(self) -> str:
        return f"{self.kind} {self.offender}"


class SeenHead(models.Model):
    """A signed checkpoint that somebody showed, with the lines that held."""

    origin = models.TextField()
    size = models.BigIntegerField()
    root = models.BinaryField()
    note = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["origin", "size", "root"], name="one_seen_head_per_tree")]

    def __str__(self) -> str:
        return f"{self.origin} {self.size}"


class Measure(models.Model):
    """A number of the latest look; `subject` is empty where it is the network's."""

    name = models.TextField()
    subject = models.TextField(default="")
    value = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "subject"], name="one_measure_per_subject")]

    def __str__(self) -> str:
        return f"{self.name} {self.subject}"
