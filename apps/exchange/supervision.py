"""What a regulator sees of every pool: how much it has committed to and when, never what."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.errors import NotFound
from apps.accounts.selectors import organisation_names
from apps.exchange.network import beacon
from apps.network.beacon_api import PoolState as PoolOnChain

QUIET_AFTER = timedelta(days=1)  # without a crosslink


class PoolState(StrEnum):
    EMPTY = "empty"
    """It has not committed to anything yet."""
    SIGNING = "signing"
    """Validators are still signing its newest crosslink."""
    ON_TIME = "on-time"
    QUIET = "quiet"
    """Its newest crosslink is more than QUIET_AFTER old."""


@dataclass(frozen=True, slots=True)
class Crosslink:
    index: int
    block: int
    time: datetime
    final: bool


@dataclass(frozen=True, slots=True)
class SupervisedPool:
    """`size` counts the entries of the pool's log that its newest crosslink covers."""

    name: str
    member: str
    display_name: str
    registered: datetime
    size: int
    crosslink: Crosslink | None
    lag: timedelta | None
    status: PoolState

    @property
    def lag_seconds(self) -> int | None:
        return None if self.lag is None else round(self.lag.total_seconds())


def pools_supervised(*, actor: Actor) -> tuple[SupervisedPool, ...]:
    """Every pool of the network, by name. To all but a regulator there is no such list."""
    if not actor.is_regulator:
        raise NotFound("There is no such list.")
    with beacon() as chain:
        pools = chain.pools()
    names, now = organisation_names(), timezone.now()
    return tuple(_supervised(pool, names, now) for pool in sorted(pools, key=lambda pool: pool.name))


def _supervised(pool: PoolOnChain, names: dict[str, str], now: datetime) -> SupervisedPool:
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
        status=_status(crosslink, lag),
    )


def _crosslink(pool: PoolOnChain) -> Crosslink | None:
    link = pool.crosslink
    if link.index is None or link.block is None or link.time is None:
        return None
    return Crosslink(link.index, link.block, datetime.fromisoformat(link.time), link.final)


def _status(crosslink: Crosslink | None, lag: timedelta | None) -> PoolState:
    if crosslink is None or lag is None:
        return PoolState.EMPTY
    if not crosslink.final:
        return PoolState.SIGNING
    return PoolState.QUIET if lag > QUIET_AFTER else PoolState.ON_TIME
