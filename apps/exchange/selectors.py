"""Reads of what was shared and deposited. A bundle is found by its two parties alone: to all others it is not there."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.accounts.actor import Actor
from apps.accounts.errors import NotFound
from apps.exchange.models import Deposit, Share


def inbox_unread_count(*, actor: Actor) -> int:
    """How many bundles nobody of the organisation has opened yet."""
    return Share.objects.filter(recipient=actor.organisation, opened__isnull=True).count()


def inbox_list(*, actor: Actor, before: tuple[datetime, UUID] | None = None) -> QuerySet[Share]:
    """Bundles received, newest first, without their bytes; `before` is the (created, id) of the last one seen."""
    rows = Share.objects.filter(recipient=actor.organisation).select_related("sender").defer("bundle")
    return _older(rows, before).order_by("-created", "-id")


def sent_list(*, actor: Actor, before: tuple[datetime, UUID] | None = None) -> QuerySet[Share]:
    """Bundles given away, newest first, without their bytes."""
    rows = Share.objects.filter(sender=actor.organisation).select_related("recipient").defer("bundle")
    return _older(rows, before).order_by("-created", "-id")


def share_get(*, actor: Actor, share_id: UUID) -> Share:
    """The bundle with its bytes, for its sender or its recipient."""
    mine = Q(recipient=actor.organisation) | Q(sender=actor.organisation)
    found = Share.objects.select_related("sender", "recipient").filter(mine, pk=share_id).first()
    if found is None:
        raise NotFound("There is no such bundle.")
    return found


def deposits_among(*, actor: Actor, digests: Iterable[bytes]) -> dict[bytes, Deposit]:
    """Those of the digests that the organisation deposited here, without asking the chain about any of them."""
    return {
        bytes(deposit.digest): deposit
        for deposit in Deposit.objects.filter(organisation=actor.organisation, digest__in=list(digests))
    }


def _older(rows: QuerySet[Share], before: tuple[datetime, UUID] | None) -> QuerySet[Share]:
    if before is None:
        return rows
    created, share_id = before
    return rows.filter(Q(created__lt=created) | Q(created=created, id__lt=share_id))
