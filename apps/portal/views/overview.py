"""The start page: for strangers what they can do here, for members where things stand."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.accounts.errors import PortalError
from apps.exchange.imports import imports_list
from apps.exchange.network import beacon
from apps.exchange.records import pool_status, records_find
from apps.exchange.selectors import inbox_list
from apps.network.beacon_api import BlockSummary, Validators
from apps.portal.access import PageRequest, open_to_all
from data_pool.search import RecordQuery

LATEST = 8


@require_safe
@open_to_all
def overview(request: PageRequest) -> HttpResponse:
    actor = request.actor
    if actor is None:
        template = "portal/no_organisation.html" if request.user.is_authenticated else "portal/welcome.html"
        return render(request, template)
    context = {"section": "overview", "chain": _chain(), "shares": inbox_list(actor=actor)[:LATEST]}
    if actor.keeps_records:
        context |= {
            "status": (status := pool_status(actor=actor)),
            "on_the_way": status.entries - status.reach.final,
            "records": records_find(actor=actor, query=RecordQuery(), limit=LATEST),
            "batches": imports_list(actor=actor, limit=4),
        }
    return render(request, "portal/overview.html", context)


@require_safe
@open_to_all
def developers(request: PageRequest) -> HttpResponse:
    """How a program does what these pages do."""
    return render(request, "portal/developers.html", {"base": request.build_absolute_uri("/api/v1/")})


def _chain() -> dict[str, Validators | BlockSummary | None] | None:
    """Where the shared chain stands; None while it does not answer, which is no reason to show nothing else."""
    try:
        with beacon() as chain:
            validators, page = chain.validators(), chain.blocks(limit=1)
    except PortalError:
        return None
    return {"validators": validators, "block": page.blocks[0] if page.blocks else None}
