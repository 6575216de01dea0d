"""A regulator's pages: how much every pool committed to and when, never what; and what the monitor found."""

from collections.abc import Mapping

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.selectors import organisation_names
from apps.exchange.chain import chain_now
from apps.exchange.supervision import (
    PoolState,
    SupervisedPool,
    alert_evidence,
    alerts_supervised,
    pools_supervised,
)
from apps.network.beacon_api import Alert
from apps.portal import wording
from apps.portal.access import PageRequest, members_only
from apps.portal.alerts import alert_view
from apps.portal.downloads import download

_STATES: Mapping[PoolState, tuple[str, str]] = {
    PoolState.EMPTY: ("nothing yet", ""),
    PoolState.SIGNING: ("being signed", "wait"),
    PoolState.ON_TIME: ("on time", "final"),
    PoolState.QUIET: ("quiet for a day", "wait"),
    PoolState.SUSPENDED: ("suspended", "bad"),
}
LISTED = 50  # alerts that are over


@require_safe
@members_only
def pools(request: PageRequest) -> HttpResponse:
    """To everybody but a regulator this page is not there."""
    supervised, alerts = pools_supervised(actor=request.actor), alerts_supervised(actor=request.actor)
    now = chain_now()
    context = {
        "section": "pools",
        "pools": [_pool_line(one) for one in supervised],
        "newest": now.newest,
        "now": now,
        "forks": _forks(alerts),
        "open_alerts": sum(alert.cleared is None for alert in alerts),
        "validator_count": len(now.validators.validators),
    }
    return render(request, "portal/pools.html", context)


@require_safe
@members_only
def alerts(request: PageRequest) -> HttpResponse:
    found = alerts_supervised(actor=request.actor)
    names = organisation_names()
    context = {
        "section": "alerts",
        "open": [alert_view(alert, names) for alert in found if alert.cleared is None],
        "over": [alert_view(alert, names) for alert in found if alert.cleared is not None][:LISTED],
        "forks": _forks(found),
    }
    return render(request, "portal/alerts.html", context)


@require_POST
@members_only
def alert_file(request: PageRequest) -> HttpResponse:
    """The evidence file of an alert, as anybody may check it."""
    digest = request.POST.get("evidence", "")
    data = alert_evidence(actor=request.actor, digest=digest)
    return download(data, name=f"misbehaviour-{digest[:8]}.json", media_type="application/json")


def _forks(alerts: tuple[Alert, ...]) -> list[Alert]:
    return [alert for alert in alerts if alert.kind == "fork" and alert.cleared is None]


def _pool_line(one: SupervisedPool) -> dict[str, object]:
    word, badge = _STATES[one.status]
    return {
        "name": one.name,
        "owner": one.display_name,
        "size": one.size,
        "link": one.crosslink,
        "badge": badge,
        "word": word,
        "lag": wording.duration(one.lag.total_seconds()) if one.lag is not None else "",
        "since": one.registered,
        "committee": one.committee,
    }
