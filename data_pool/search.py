"""Finding records: filters become tokens of the blind index, pages go by log index, newest first."""

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from data_pool.blind_index import (
    amount_token,
    date_group,
    kind_token,
    number_token,
    partner_groups,
    text_groups,
)
from data_pool.life import Reach, Stage
from data_pool.records import RecordSummary, summarise
from data_pool.setup import Setup
from data_pool.storage.ports import Selection, Transaction

MAX_COUNT: Final = 10_000
"""Matches are counted no further; a page then says that there are more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordQuery:
    """What to look for; what is None is left open.

    `text` are words, each of which is a number or a part of one, a word of a partner's name or identifier, or a
    file's digest; or it is a record's id. `partner` are words of names and identifiers. `number` is a whole number.
    `amount` is the payable amount in minor units.
    """

    text: str | None = None
    number: str | None = None
    partner: str | None = None
    amount: int | None = None
    date_from: date | None = None
    date_to: date | None = None
    kind: str | None = None
    life: Stage | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Records, newest first. `next` is what to give as `before` for the next page; None at the end.

    `total` is exact up to MAX_COUNT; `more` says that there are more than that.
    """

    items: tuple[RecordSummary, ...]
    next: int | None
    total: int
    more: bool


def search(setup: Setup, query: RecordQuery, *, before: int | None, limit: int) -> Page:
    with setup.storage.snapshot() as rows:
        reach = Reach.read(rows)
        chosen = _select(setup, rows, query, reach)
        everything = chosen == Selection()
        total = rows.last_ordinal() if everything else rows.count(chosen, at_most=MAX_COUNT + 1)
        stop = chosen.stop if before is None else min(before, chosen.stop if chosen.stop is not None else before)
        found = rows.select(Selection(chosen.groups, chosen.start, stop), limit=limit + 1)
        page = found[:limit]
        more = not everything and total > MAX_COUNT
        return Page(
            items=tuple(summarise(setup, rows, page, reach)),
            next=page[-1].index if len(found) > limit else None,
            total=MAX_COUNT if more else total,
            more=more,
        )


def _select(setup: Setup, rows: Transaction, query: RecordQuery, reach: Reach) -> Selection:
    record = _parse_id(query.text)
    start, stop = reach.range_of(query.life) if query.life else (0, None)
    if record is not None:
        found = rows.record(record)
        start = max(start, found.index if found else 0)
        end = found.index + 1 if found else 0
        stop = end if stop is None else min(stop, end)
    return Selection(_compute_groups(setup, query, with_text=record is None), start, stop)


def _compute_groups(setup: Setup, query: RecordQuery, *, with_text: bool) -> tuple[frozenset[bytes], ...]:
    keys, groups = setup.keys, list[frozenset[bytes]]()
    if query.text and with_text:
        groups += text_groups(keys, query.text)
    if query.number:
        groups.append(frozenset({number_token(keys, query.number)}))
    if query.partner:
        groups += partner_groups(keys, query.partner)
    if query.amount is not None:
        groups.append(frozenset({amount_token(keys, query.amount)}))
    if query.date_from or query.date_to:
        groups.append(date_group(keys, query.date_from, query.date_to))
    if query.kind:
        groups.append(frozenset({kind_token(keys, query.kind)}))
    return tuple(groups)


def _parse_id(text: str | None) -> UUID | None:
    """The record id that the text is, if it is one."""
    try:
        return UUID(text.strip()) if text and len(text.strip()) == 36 else None
    except ValueError:
        return None
