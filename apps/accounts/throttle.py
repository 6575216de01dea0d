"""Slows down guessing of passwords, by address and by place, in the database: all web processes count together."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.accounts.errors import TooManyAttempts
from apps.accounts.models import SignInFailures

WINDOW = timedelta(minutes=15)
PER_ADDRESS = 8  # failures for one e-mail address from anywhere, within the window
PER_PLACE = 40  # failures from one network address, whoever is tried


@dataclass(frozen=True, slots=True)
class _Counter:
    key: bytes
    limit: int


def _counters(email: str, place: str) -> tuple[_Counter, _Counter]:
    return (
        _Counter(_key("address", email.strip().lower()), PER_ADDRESS),
        _Counter(_key("place", place), PER_PLACE),
    )


def _key(scope: str, value: str) -> bytes:
    return hmac.digest(settings.SECRET_KEY.encode(), f"sign-in failures\n{scope}\n{value}".encode(), hashlib.sha256)


def attempt_check(*, email: str, place: str) -> None:
    """Raises TooManyAttempts when this address or this place has failed too often of late."""
    limits = {counter.key: counter.limit for counter in _counters(email, place)}
    now = timezone.now()
    for failures in SignInFailures.objects.filter(key__in=list(limits), since__gt=now - WINDOW):
        if failures.count >= limits[bytes(failures.key)]:
            minutes = max(1, round((failures.since + WINDOW - now).total_seconds() / 60))
            raise TooManyAttempts(
                f"Too many failed attempts. Try again in {minutes} minute{'s' if minutes > 1 else ''}."
            )


@transaction.atomic
def attempt_failed(*, email: str, place: str) -> None:
    """Counts one failure for the address and for the place."""
    now = timezone.now()
    SignInFailures.objects.filter(since__lte=now - WINDOW).delete()
    keys = sorted(counter.key for counter in _counters(email, place))  # one order everywhere: no deadlock
    SignInFailures.objects.bulk_create(
        [SignInFailures(key=key, count=0, since=now) for key in keys], ignore_conflicts=True
    )
    for key in keys:
        SignInFailures.objects.filter(key=key).update(count=F("count") + 1)


def attempt_succeeded(*, email: str, place: str) -> None:
    """Forgets the failures of this address; those of the place stay, or one good account would reopen it."""
    _forget(_counters(email, place)[:1])


def _forget(counters: Iterable[_Counter]) -> None:
    SignInFailures.objects.filter(key__in=[counter.key for counter in counters]).delete()
