"""What a regulator sees of every pool: how much it has committed to and when, never what; and what alerts say."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.errors import NotFound
from apps.accounts.selectors import organisation_names
from apps.exchange.chain import alerts_list
from apps.exchange.network import beacon
from apps.network.beacon_api import Alert
from apps.network.beacon_api import PoolState as PoolOnChain
from apps.network.beacon_client import BeaconClient

QUIET_AFTER = timedelta(days=1)  # without a crosslink


class PoolState(StrEnum):
    EMPTY = "empty"
    """It has not committed to anything yet."""
    SIGNING = "signing"
    """Validators are still signing its newest crosslink."""
    ON_TIME = "on-time"
    QUIET = "quiet"
    """Its newest crosslink is more than QUIET_AFTER old."""
    SUSPENDED = "suspended"
    """By a vote of the validators; its crosslinks are refused."""


@dataclass(frozen=True, slots=True)
class Crosslink:
    """`epoch` is that of the committee which cosigned it."""

    index: int
    epoch: int
    block: int
    time: datetime
    final: bool


@dataclass(frozen=True, slots=True)
class SupervisedPool:
    """`size` counts the entries of the pool's log that its newest crosslink covers.

    `committee` are the validators that have to cosign what it commits to next.
    """

    name: str
    member: str
    display_name: str
    registered: datetime
    size: int
    crosslink: Crosslink | None
    lag: timedelta | None
    status: PoolState
    committee: tuple[str, ...]

    @property
    def lag_seconds(self) -> int | None:
        return None if self.lag is None else round(self.lag.total_seconds())


def pools_supervised(*, actor: Actor) -> tuple[SupervisedPool, ...]:
    """Every pool of the network, by name. To all but a regulator there is no such list."""
    if not actor.is_regulator:
        raise NotFound("There is no such list.")
    with beacon() as chain:
        pools = chain.pools()
        committees = _committees(chain)
    names, now = organisation_names(), timezone.now()
    return tuple(
        _supervised(pool, names, now, committees.get(pool.name, ()))
        for pool in sorted(pools, key=lambda pool: pool.name)
    )


def _committees(chain: BeaconClient) -> dict[str, tuple[str, ...]]:
    """Of the current epoch, or of the latest one that has begun."""
    epochs = chain.epochs(limit=1).epochs
    if not epochs:
        return {}
    return {one.pool: one.validators or () for one in chain.epoch(epochs[0].epoch).committees}


def _supervised(pool: PoolOnChain, names: dict[str, str], now: datetime, committee: tuple[str, ...]) -> SupervisedPool:
    crosslink = _crosslink(pool)
    lag = max(now - crosslink.time, timedelta()) if crosslink else None
    return SupervisedPool(
        name=pool.name,
        member=pool.member,
        display_name=names.get(pool.member, pool.member),
        registered=datetime.fromisoformat(pool.registered.time),
        size=pool.crosslink.size,
        crosslink=crosslink,
        lag=lag,
        status=_status(pool, crosslink, lag),
        committee=tuple(names.get(name, name) for name in committee),
    )


def _crosslink(pool: PoolOnChain) -> Crosslink | None:
    link = pool.crosslink
    if link.index is None or link.epoch is None or link.block is None or link.time is None:
        return None
    return Crosslink(link.index, link.epoch, link.block, datetime.fromisoformat(link.time), link.final)


def _status(pool: PoolOnChain, crosslink: Crosslink | None, lag: timedelta | None) -> PoolState:
    if pool.suspended:
        return PoolState.SUSPENDED
    if crosslink is None or lag is None:
        return PoolState.EMPTY
    if not crosslink.final:
        return PoolState.SIGNING
    return PoolState.QUIET if lag > QUIET_AFTER else PoolState.ON_TIME


def alerts_supervised(*, actor: Actor) -> tuple[Alert, ...]:
    """What the monitor found, open alerts first. To all but a regulator there is no such list."""
    if not actor.is_regulator:
        raise NotFound("There is no such list.")
    return alerts_list()


def alert_evidence(*, actor: Actor, digest: str) -> bytes:
    """The file that proves an alert, by its SHA-256 in hex."""
    if digest not in {alert.evidence for alert in alerts_supervised(actor=actor)}:
        raise NotFound("No alert has this evidence.")
    with beacon() as chain:
        return chain.alert_evidence(digest)
