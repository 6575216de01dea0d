"""Bundles handed to a recipient, and deposits made here. Of a pool's contents only what a bundle discloses is in it."""

import uuid

from django.db import models

from apps.accounts.models import Organisation


class Share(models.Model):
    """A proof bundle that one organisation gave another: in the recipient's inbox from the moment the row is there."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sender = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="shares_sent")
    recipient = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="shares_received")
    request = models.UUIDField()  # made with the form: the same form sent twice is one share
    bundle = models.BinaryField()  # canonical bytes, exactly as the recipient downloads them
    created = models.DateTimeField(auto_now_add=True)
    opened = models.DateTimeField(null=True, blank=True)  # first time that somebody of the recipient looked at it

    class Meta:
        constraints = [
            models.UniqueConstraint(name="share_once_per_request", fields=["sender", "request"]),
            models.CheckConstraint(name="share_is_with_another", condition=~models.Q(sender=models.F("recipient"))),
        ]
        indexes = [models.Index(name="share_inbox", fields=["recipient", "-created", "-id"])]

    def __str__(self) -> str:
        return f"share {self.id} from organisation {self.sender_id} to {self.recipient_id}"


class Deposit(models.Model):
    """A file's digest put on the shared chain by explicit choice, so it is public by then. Tells what was deposited
    without asking the chain about digests that nobody chose to show it."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="deposits")
    digest = models.BinaryField(max_length=32)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="deposit_once_per_organisation", fields=["organisation", "digest"]),
        ]
        indexes = [models.Index(name="deposit_newest", fields=["organisation", "-created", "-id"])]

    def __str__(self) -> str:
        return f"deposit {self.pk} of organisation {self.organisation_id}"
