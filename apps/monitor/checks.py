"""Checks: what is wrong in a view, besides forks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from apps.monitor.alerts import AlertKind, Finding, Unknown
from apps.monitor.forks import strangers
from apps.monitor.view import Beacon, Seat, View
from audit_chain.beacon.names import pool_origin, validator_key_name
from audit_chain.encoding import from_time

FIRST_FINALIZING_EPOCH: Final = 4
"""The first boundary whose state must call an earlier epoch finalized: epochs 0 and 1 justify nothing."""

FINALITY_LAG: Final = 2
"""Epochs between a boundary and the one that its state calls finalized, as long as two thirds vote."""

MOST_SIGNERS: Final = 16
"""Unexpected signers that are named at once: anybody can write a line."""

DAY: Final = 24 * 60 * 60
HOUR: Final = 60 * 60
KEY_WARNINGS: Final = (7, 30)
"""Days before the end of a validator's last keys; the alert's number is the smallest that applies."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds. Half an epoch of an idle network takes the beacon's heartbeat, which is 300 s by default."""

    silence: int = 660
    late_crosslink: int = 120
    missing_crosslink: int = DAY


def findings(view: View, limits: Limits) -> list[Finding]:
    """Everything wrong."""
    return [
        *_beacon(view, limits),
        *_finality(view),
        *_votes(view),
        *_crosslinks(view, limits),
        *_nodes(view),
        *_signers(view),
        *_keys(view),
    ]


def unknown(view: View) -> list[Unknown]:
    """What the view says nothing about, so that its alerts stay as they are."""
    without_beacon = (
        AlertKind.FORK,
        AlertKind.ROLLED_BACK,
        AlertKind.FINALITY_STALLED,
        AlertKind.MISSING_VOTE,
        AlertKind.LATE_CROSSLINK,
        AlertKind.MISSING_CROSSLINK,
        AlertKind.UNEXPECTED_SIGNER,
    )
    silent = [name for name, status in view.validators.items() if status is None]
    return [
        *(Unknown(kind) for kind in without_beacon if view.beacon is None),
        *(Unknown(AlertKind.VALIDATOR_STOPPED, name) for name in silent),
    ]


def rolled_back(view: View, signed: int) -> Iterator[Finding]:
    """A log of a smaller tree than one of `signed` entries, which its own key had signed before this view."""
    if view.beacon is not None and view.beacon.head.size < signed:
        yield Finding(AlertKind.ROLLED_BACK, view.origin, signed - view.beacon.head.size)


def _beacon(view: View, limits: Limits) -> Iterator[Finding]:
    if view.beacon is None:
        yield Finding(AlertKind.BEACON_SILENT, view.network)
    elif view.now - view.beacon.time > limits.silence:
        yield Finding(AlertKind.BEACON_SILENT, view.network, view.now - view.beacon.time)


def _finality(view: View) -> Iterator[Finding]:
    if view.beacon is None or not view.beacon.epochs:
        return
    latest = view.beacon.epochs[0].number
    finalized = finalized_epoch(view.beacon)
    if latest >= FIRST_FINALIZING_EPOCH and latest - finalized > FINALITY_LAG:
        yield Finding(AlertKind.FINALITY_STALLED, view.network, finalized)


def finalized_epoch(beacon: Beacon) -> int:
    """The latest epoch that the beacon calls finalized, 0 before the first."""
    return max((epoch.number for epoch in beacon.epochs if epoch.finalized), default=0)


def _votes(view: View) -> Iterator[Finding]:
    """Votes on the latest boundary may still come. Those on the one before may be on their way into the log."""
    if view.beacon is None or len(view.beacon.epochs) < 2:
        return
    _, ended, *earlier = view.beacon.epochs
    for seat in view.registry.seats:
        if not seat.is_active or seat.name in ended.voters:
            continue
        was_counted = not earlier or seat.name in earlier[0].voters
        if not (was_counted and _has_cosigned(view, seat.name, ended.size)):
            yield Finding(AlertKind.MISSING_VOTE, seat.name, ended.number)


def _has_cosigned(view: View, name: str, size: int) -> bool:
    """Whether the validator says that it has cosigned the beacon's log up to that size."""
    status = view.validators.get(name)
    return status is not None and any(log.origin == view.origin and log.size >= size for log in status.logs)


def _crosslinks(view: View, limits: Limits) -> Iterator[Finding]:
    if view.beacon is None:
        return
    for pool in view.beacon.pools:
        origin = pool_origin(view.network, pool.name)
        grown = [
            log.size
            for status in view.validators.values()
            if status is not None
            for log in status.logs
            if log.origin == origin and log.size > pool.size and view.now - from_time(log.time) > limits.late_crosslink
        ]
        if grown:
            yield Finding(AlertKind.LATE_CROSSLINK, pool.name, max(grown) - pool.size)
        age = view.now - pool.time
        if age > limits.missing_crosslink:
            yield Finding(AlertKind.MISSING_CROSSLINK, pool.name, age // HOUR)


def _nodes(view: View) -> Iterator[Finding]:
    for name, status in view.validators.items():
        if status is None:
            yield Finding(AlertKind.VALIDATOR_UNREACHABLE, name)
        elif status.beacon.problem is not None:
            yield Finding(AlertKind.VALIDATOR_STOPPED, name, status.beacon.size)


def _signers(view: View) -> Iterator[Finding]:
    names = {name for head in view.heads for name in strangers(head, view.registry)}
    for name, status in view.validators.items():
        known = {str(key) for key in view.registry.keys}
        if status is not None and any(key not in known for key in status.keys):
            names.add(validator_key_name(view.network, name))
    yield from (Finding(AlertKind.UNEXPECTED_SIGNER, name) for name in sorted(names)[:MOST_SIGNERS])


def _keys(view: View) -> Iterator[Finding]:
    for seat in view.registry.seats:
        left = days_left(seat, view.now)
        reached = [days for days in KEY_WARNINGS if left < days]
        if seat.is_active and reached:
            yield Finding(AlertKind.KEY_ENDING, seat.name, min(reached))


def days_left(seat: Seat, now: int) -> int:
    """Whole days until the validator's last key set ends; negative afterwards."""
    return (max((from_time(keys.not_after) for keys in seat.key_sets), default=now) - now) // DAY
