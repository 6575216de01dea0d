"""Bundles received and given: each with its verdict, held against the trust policy at the moment of looking."""

from datetime import datetime
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.accounts.errors import WrongInput
from apps.accounts.selectors import organisation_names
from apps.exchange.models import Share
from apps.exchange.network import verdict_on
from apps.exchange.selectors import inbox_list, sent_list, share_get
from apps.exchange.services import share_open
from apps.portal.access import PageRequest, members_only
from apps.portal.downloads import download_bundle
from apps.portal.verdicts import VerdictView, verdict_view

PAGE = 15  # each row is verified for the list


@require_safe
@members_only
def inbox(request: PageRequest) -> HttpResponse:
    return _list(request, "received")


@require_safe
@members_only
def given(request: PageRequest) -> HttpResponse:
    return _list(request, "given")


@require_safe
@members_only
def bundle(request: PageRequest, share_id: UUID) -> HttpResponse:
    share = share_open(actor=request.actor, share_id=share_id)
    context = {
        "section": "inbox",
        "share": share,
        "is_ours": share.sender_id == request.actor.organisation.pk,
        "view": _view(share, organisation_names()),
    }
    return render(request, "portal/bundle.html", context)


@require_safe
@members_only
def bundle_file(request: PageRequest, share_id: UUID) -> HttpResponse:
    share = share_get(actor=request.actor, share_id=share_id)
    return download_bundle(bytes(share.bundle), name=f"proof-{share.created:%Y-%m-%d}-{str(share.id)[:8]}.json")


def _list(request: PageRequest, direction: str) -> HttpResponse:
    before = _position(request.GET.get("before", ""))
    select = inbox_list if direction == "received" else sent_list
    rows = list(select(actor=request.actor, before=before).defer(None)[: PAGE + 1])  # Each one's bytes are verified.
    names = organisation_names()
    context = {
        "section": "inbox",
        "direction": direction,
        "rows": [{"share": share, "view": _view(share, names)} for share in rows[:PAGE]],
        "next": f"{rows[PAGE - 1].created.isoformat()}_{rows[PAGE - 1].id}" if len(rows) > PAGE else None,
        "is_first": before is None,
    }
    return render(request, "portal/inbox.html", context)


def _view(share: Share, names: dict[str, str]) -> VerdictView | None:
    """None for a bundle that this portal's verifier cannot read any more."""
    try:
        return verdict_view(verdict_on(bytes(share.bundle)), names=names)
    except WrongInput:
        return None


def _position(text: str) -> tuple[datetime, UUID] | None:
    created, _, share_id = text.replace(" ", "+").partition("_")  # A plus sign in an address reads as a space.
    try:
        when = datetime.fromisoformat(created)
        return (when, UUID(share_id)) if when.tzinfo else None
    except ValueError:
        return None
