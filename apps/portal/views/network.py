"""Where the shared chain stands, live; and the explorer's search box."""

from collections.abc import Mapping
from hashlib import sha256

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.selectors import organisation_names
from apps.exchange.chain import ChainNow, chain_now, forks_open
from apps.exchange.network import network_file
from apps.network.beacon_api import Alert
from apps.portal.access import PageRequest, members_only
from apps.portal.explorer import epoch_line, percent
from apps.portal.lookup import look_up
from apps.portal.picture import NARROW, WIDE, picture
from apps.portal.verdicts import party_name

LISTED = 8  # epochs below the picture
LONGEST_QUERY = 200


@require_safe
@members_only
def network(request: PageRequest) -> HttpResponse:
    now, forks = chain_now(), forks_open()
    context = {"section": "network", "tab": "now", "network": network_file().network} | _context(now, forks)
    return render(request, "portal/network.html", context)


@require_safe
@members_only
def live(request: PageRequest) -> HttpResponse:
    """The moving part of the page; 204 where the reader has it as it is now."""
    now, forks = chain_now(), forks_open()
    if request.GET.get("seen") == _mark(now, forks):
        return HttpResponse(status=204)
    return render(request, "portal/parts/live.html", _context(now, forks))


@require_POST
@members_only
def search(request: PageRequest) -> HttpResponse:
    """To the one place that was meant, or a list of several. A POST: a file's fingerprint stands in no address."""
    text = request.POST.get("query", "")[:LONGEST_QUERY]
    found = look_up(text, organisation_names())
    if len(found.matches) == 1:
        return redirect(found.matches[0].url)
    context = {"section": "network", "tab": "search", "query": text, "found": found}
    return render(request, "portal/network_search.html", context)


def _context(now: ChainNow, forks: tuple[Alert, ...]) -> Mapping[str, object]:
    names = organisation_names()
    state = now.validators
    active = [one for one in state.validators if one.status in ("active", "exiting")]
    lines = [
        epoch_line(epoch, current=state.epoch, validators=len(active), crosslinks=now.crosslinks)
        for epoch in now.epochs
    ]
    voted = next((epoch for epoch in now.epochs if epoch.voted), None)
    return {
        "mark": _mark(now, forks),
        "now": now,
        "state": state,
        "forks": forks,
        "signing": len(voted.voters) if voted else 0,
        "signing_share": percent(voted.voted, voted.total) if voted else 0,
        "validator_count": len(active),
        "pictures": [picture(now, lines, layout) for layout in (WIDE, NARROW)],
        "epochs": lines[:LISTED],
        "missing": [party_name(one.name, names) for one in active if voted and one.name not in voted.voters],
    }


def _mark(now: ChainNow, forks: tuple[Alert, ...]) -> str:
    """The same for what looks the same."""
    return sha256(repr((now.newest, forks)).encode()).hexdigest()[:16]
