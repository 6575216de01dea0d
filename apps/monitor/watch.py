"""Watch: look, judge, remember, report; again and again."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from apps.monitor import checks
from apps.monitor.alerts import Alert, AlertKind, Finding, reconcile
from apps.monitor.checks import Limits
from apps.monitor.forks import Caught, Conflict, caught_by, verified_part
from apps.monitor.memory import Evidence, Measure, Memory, Store
from apps.monitor.reading import Reader
from apps.monitor.view import Head, View
from apps.monitor.webhook import Webhook
from apps.network.errors import Declined, Unreachable
from audit_chain.beacon.misbehaviour import OffenceKind
from audit_chain.errors import AuditChainError
from audit_chain.proof.offence import join_file, split_file

logger = logging.getLogger(__name__)

SEEN: Final = 1024
"""Heads whose signatures need not be verified again; the oldest are forgotten."""

FORKS: Final = (OffenceKind.BEACON_FORK, OffenceKind.POOL_FORK)


class Watch:
    """One network under watch. `clock` gives POSIX seconds."""

    def __init__(
        self,
        reader: Reader,
        store: Store,
        *,
        clock: Callable[[], float],
        limits: Limits | None = None,
        webhook: Webhook | None = None,
    ) -> None:
        self._reader = reader
        self._store = store
        self._clock = clock
        self._limits = limits or Limits()
        self._webhook = webhook
        self._memory: Memory | None = None
        self._seen: dict[Head, None] = {}

    def look(self) -> list[Alert]:
        """All alerts, after one look; they are stored before anybody is told."""
        memory = self._memory or self._store.load()
        self._memory = None  # An error on the way makes the next look begin from what is stored.
        now = int(self._clock())
        view = self._reader.look(now, known=_known(memory))
        signed = memory.book.largest(
            view.origin
        )  # Before this look: what is seen now may be newer than the beacon's answer.
        self._remember(memory, self._catch(memory, view))
        found = [*checks.findings(view, self._limits), *_forks(memory, view), *checks.rolled_back(view, signed)]
        memory.alerts = reconcile(memory.alerts, found, unknown=checks.unknown(view), now=now)
        memory.measures = measures(view)
        self._store.save(memory)
        if self._report(memory):
            self._store.save(memory)
        self._memory = memory
        return memory.alerts

    def _catch(self, memory: Memory, view: View) -> list[Caught]:
        conflicts: list[Conflict] = []
        for head in view.heads:
            if head in self._seen:
                continue
            self._seen[head] = None
            verified = verified_part(head, view.registry)
            if verified is not None:
                conflicts += memory.book.add(verified)
        for head in list(self._seen)[:-SEEN]:
            del self._seen[head]
        if view.beacon is not None:
            reference = view.beacon.head
            try:
                conflicts += memory.book.hold_against(reference, self._reader.tiles(reference.size))
            except (Unreachable, Declined, AuditChainError) as problem:
                logger.warning("the beacon's log cannot be read: %s", type(problem).__name__)
        return caught_by(conflicts, view.registry)

    def _remember(self, memory: Memory, caught: list[Caught]) -> None:
        """Keeps one proof of each offence, with what somebody offline needs to check it."""
        known = {(one.kind, one.offender) for one in memory.evidence}
        for one in caught:
            kind, offender = str(one.offence.kind), one.offence.offender
            if (kind, offender) in known:
                continue
            is_pool = one.offence.kind is OffenceKind.POOL_FORK
            file = join_file(one.proof, self._reader.registration(offender) if is_pool else None)
            memory.evidence.append(Evidence(hashlib.sha256(file).hexdigest(), kind, offender, file))
            logger.warning("caught: %s by %s", kind, offender)

    def _report(self, memory: Memory) -> bool:
        """Whether somebody took the news: the beacon a proof, or the webhook an alert."""
        before = list(memory.evidence), list(memory.alerts)
        memory.evidence = [one if one.submitted else self._submit(one) for one in memory.evidence]
        if self._webhook is not None:
            memory.alerts = [self._tell(alert, self._webhook) for alert in memory.alerts]
        return before != (memory.evidence, memory.alerts)

    def _submit(self, evidence: Evidence) -> Evidence:
        try:
            self._reader.submit(split_file(evidence.file)[0])
        except Unreachable:
            return evidence  # The next look tries again.
        except Declined as no:
            logger.info("the beacon does not take the proof of a %s: status %s", evidence.kind, no.status)
        return replace(evidence, submitted=True)

    def _tell(self, alert: Alert, webhook: Webhook) -> Alert:
        if not alert.is_news or not webhook.tell(alert, network=self._reader.network.network):
            return alert
        return replace(alert, told=1 if alert.is_open else 2)


def measures(view: View) -> list[Measure]:
    """The numbers of a look."""
    found = [Measure("last_look_seconds", view.now)]
    found += [
        Measure("validator_up", int(status is not None), name) for name, status in sorted(view.validators.items())
    ]
    found += [Measure("key_days_left", checks.days_left(seat, view.now), seat.name) for seat in view.registry.seats]
    if view.beacon is None:
        return [*found, Measure("beacon_up", 0)]
    beacon = view.beacon
    found += [Measure("beacon_up", 1), Measure("log_size", beacon.head.size)]
    found += [Measure("block_age_seconds", view.now - beacon.time)]
    if beacon.epochs:
        found += [Measure("epoch", beacon.epochs[0].number)]
        found += [Measure("finalized_epoch", checks.finalized_epoch(beacon))]
    if len(beacon.epochs) > 1:
        voters = beacon.epochs[1].voters
        found += [Measure("validator_voted", int(seat.name in voters), seat.name) for seat in view.registry.seats]
    found += [Measure("crosslink_age_seconds", view.now - pool.time, pool.name) for pool in beacon.pools]
    return found


def _forks(memory: Memory, view: View) -> list[Finding]:
    """Forks of the log as it goes on now and of pools: they do not heal. A restart leaves the old origin behind."""
    found = {}
    for one in memory.evidence:
        if one.kind in FORKS and (one.kind == OffenceKind.POOL_FORK or one.offender == view.origin):
            found.setdefault(one.offender, Finding(AlertKind.FORK, one.offender, None, one.digest))
    return list(found.values())


def _known(memory: Memory) -> Callable[[str, int, bytes], bool]:
    heads = {(head.origin, head.size, head.root) for heads in memory.book.heads.values() for head in heads}
    return lambda origin, size, root: (origin, size, root) in heads
