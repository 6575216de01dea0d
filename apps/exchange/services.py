"""Writes to shares other than making them."""

from uuid import UUID

from django.utils import timezone

from apps.accounts.actor import Actor
from apps.exchange.models import Share
from apps.exchange.selectors import share_get


def share_open(*, actor: Actor, share_id: UUID) -> Share:
    """The bundle, noted as opened when it is the recipient who looks at it for the first time."""
    share = share_get(actor=actor, share_id=share_id)
    if share.opened is None and share.recipient_id == actor.organisation.pk:
        share.opened = timezone.now()
        Share.objects.filter(pk=share.pk, opened__isnull=True).update(opened=share.opened)
    return share
