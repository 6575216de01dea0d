"""How values look on a page: amounts, days, moments, counts, fingerprints. Times are UTC and say so."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.accounts.models import Organisation
from apps.portal import wording
from data_pool.records import RecordSummary

register = template.Library()

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@register.filter
def thousands(number: int) -> str:
    """18204 -> 18,204"""
    return f"{number:,}"


@register.filter
def minus(number: int, less: int) -> int:
    return number - less


@register.filter
def money(amount: int | None, currency: str | None) -> str:
    """(535500, "EUR") -> 5,355.00 EUR"""
    return wording.money(amount, currency)


@register.filter
def day(value: date | datetime | str | None) -> str:
    """3 Nov 2026, whatever form the date has; a text that is no date is shown as it is."""
    when = _read(value)
    if when is None:
        return "" if value is None else str(value)
    return f"{when.day} {_MONTHS[when.month - 1][:3]} {when.year}"


@register.filter
def moment(value: datetime | str | None) -> SafeString | str:
    """3 November 2026, 09:14:07 UTC"""
    when = _read_moment(value)
    if when is None:
        return ""
    return _time(when, f"{when.day} {_MONTHS[when.month - 1]} {when.year}, {when:%H:%M:%S} UTC")


@register.filter
def moment_short(value: datetime | str | None) -> SafeString | str:
    """3 Nov, 09:14:07 UTC; the year where it is another one."""
    when = _read_moment(value)
    if when is None:
        return ""
    year = "" if when.year == timezone.now().year else f" {when.year}"
    return _time(when, f"{when.day} {_MONTHS[when.month - 1][:3]}{year}, {when:%H:%M:%S} UTC")


@register.filter
def ago(value: datetime | str | None) -> SafeString | str:
    """8 s ago, 5 min ago, 3 h ago, 12 days ago"""
    when = _read_moment(value)
    if when is None:
        return "never"
    seconds = max(0, round((timezone.now() - when).total_seconds()))
    return format_html(
        '<time datetime="{}" data-seconds="{}">{} ago</time>', _machine(when), seconds, wording.duration(seconds)
    )


@register.filter
def grouped(digest: str | bytes) -> str:
    """9f2c 61ab 07de ...: a fingerprint that people can compare."""
    text = digest.hex() if isinstance(digest, bytes | memoryview) else digest
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


@register.simple_tag
def counterparty(record: RecordSummary, organisation: Organisation) -> str:
    """The other side, as far as the names tell which side is ours; else both."""
    own = organisation.display_name.casefold()
    if record.buyer and record.seller.casefold().startswith(own):
        return f"to {record.buyer}"
    if record.seller and record.buyer.casefold().startswith(own):
        return f"from {record.seller}"
    return record.partner


@register.filter
def get(fields: Mapping[str, object], name: str) -> object:
    """The field of a dotted name, which a template cannot ask for itself."""
    return fields.get(name, "")


@register.filter
def kind_name(kind: str) -> str:
    """credit-note -> Credit note"""
    return wording.kind_name(kind)


@register.filter
def field_label(name: str) -> str:
    """lines.0.net_amount -> Line 1: net amount"""
    return wording.field_label(name)


def _time(when: datetime, text: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', _machine(when), text)


def _machine(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _read(value: date | datetime | str | None) -> date | datetime | None:
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value)
    except ValueError:
        return None


def _read_moment(value: datetime | str | None) -> datetime | None:
    when = _read(value)
    return when.astimezone(UTC) if isinstance(when, datetime) else None
