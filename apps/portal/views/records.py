"""Records: found, read, shared, made versions of each other, their originals taken out and deposited."""

from collections.abc import Iterable
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.errors import Conflict, PortalError, WrongInput
from apps.accounts.roles import Role
from apps.accounts.selectors import organisation_names
from apps.exchange.records import (
    SOURCE_DIGEST,
    attestations_get,
    original_deposit,
    original_get,
    pool_status,
    record_get,
    records_find,
    version_declare,
)
from apps.exchange.selectors import deposits_among
from apps.portal import wording
from apps.portal.access import PageRequest, members_only
from apps.portal.downloads import download
from apps.portal.paper import paper
from apps.portal.search_form import SearchForm
from apps.portal.verdicts import Witness, party_name
from data_pool.life import Stage
from data_pool.records import Record
from data_pool.search import RecordQuery

PAGE = 50
OTHERS_SHOWN = 10  # versions and twins that a record's page tells more of than that they are there


@require_http_methods(["GET", "POST"])
@members_only
def records(request: PageRequest) -> HttpResponse:
    """The list. A search is a POST: what people look for stays out of addresses, histories and logs."""
    form = SearchForm(request.POST if request.method == "POST" else {"before": request.GET.get("before", "")})
    page = None
    if form.is_valid():
        query = form.query()
        page = records_find(actor=request.actor, query=query, before=form.cleaned_data["before"], limit=PAGE)
    context = {
        "section": "records",
        "form": form,
        "page": page,
        "filtered": form.is_valid() and form.query() != RecordQuery(),
        "is_first": not form.cleaned_data.get("before"),
    }
    if request.htmx:
        return render(request, "portal/parts/records_found.html", context)
    context["status"] = pool_status(actor=request.actor)
    return render(request, "portal/records.html", context)


@require_safe
@members_only
def record(request: PageRequest, record_id: UUID, view: str = "document") -> HttpResponse:
    found = record_get(actor=request.actor, record_id=record_id)
    digest = _source_digest(found)
    names = organisation_names()
    context = {
        "section": "records",
        "record": found,
        "title": title(found),
        "view": view,
        "paper": paper(found.fields) if view == "document" else None,
        "groups": wording.groups(found.fields) if view == "fields" else (),
        "versions": _others(request, found.versions[-OTHERS_SHOWN:], known=found),
        "twins": _others(request, found.twins[:OTHERS_SHOWN], known=found),
        "twin_count": len(found.twins),
        "shares": [
            {
                "to": party_name(made.recipient, names),
                "what": wording.listed(wording.field_label(name).lower() for name in _in_reading_order(made.names))
                if len(made.names) <= 4
                else f"{len(made.names)} of {len(found.fields)} fields",
                "names": [wording.field_label(name) for name in _in_reading_order(made.names)],
                "created": made.created,
                "by": made.by,
            }
            for made in reversed(found.disclosures)
        ],
        "attested": [
            Witness(party_name(one.validator, names), one.time)
            for one in attestations_get(actor=request.actor, record_id=record_id)
        ],
        "deposit": deposits_among(actor=request.actor, digests=[digest]).get(digest) if digest else None,
        "digest": digest,
        **life_context(found),
    }
    return render(request, "portal/record.html", context)


@require_safe
@members_only
def life(request: PageRequest, record_id: UUID) -> HttpResponse:
    """The record's stick alone, asked for again and again until it is final."""
    found = record_get(actor=request.actor, record_id=record_id)
    context = life_context(found)
    response = render(request, "portal/parts/life.html", {"record": found, **context})
    if context["is_final"]:
        response["HX-Refresh"] = "true"  # More than the stick changes now: who attests it, whether it can be shared.
    return response


@require_safe
@members_only
def original(request: PageRequest, record_id: UUID) -> HttpResponse:
    file = original_get(actor=request.actor, record_id=record_id)
    return download(file.data, name=file.name, media_type="application/octet-stream")


@require_http_methods(["GET", "POST"])
@members_only
def deposit(request: PageRequest, record_id: UUID) -> HttpResponse:
    """The warning, then the deposit: an explicit choice, since the digest is on the shared chain ever after."""
    request.actor.pool(Role.STAFF)
    found = record_get(actor=request.actor, record_id=record_id)
    digest = _source_digest(found)
    error: PortalError | None = None
    if request.method == "POST":
        if request.POST.get("understood") != "yes":
            error = WrongInput("Tick the box first: this cannot be taken back.", where="understood")
        else:
            original_deposit(actor=request.actor, record_id=record_id)
            messages.success(
                request, "The original is deposited as evidence. Whoever has the file can look it up in a few seconds."
            )
            return redirect("portal:record", record_id=record_id)
    context = {
        "section": "records",
        "record": found,
        "title": title(found),
        "digest": digest,
        "deposit": deposits_among(actor=request.actor, digests=[digest]).get(digest) if digest else None,
        "error": error,
    }
    return render(request, "portal/deposit.html", context, status=400 if error else 200)


@require_http_methods(["GET", "POST"])
@members_only
def replaces(request: PageRequest, record_id: UUID, older_id: UUID) -> HttpResponse:
    """Declares one record the new version of another, after saying what that means."""
    request.actor.pool(Role.STAFF)
    newer = record_get(actor=request.actor, record_id=record_id)
    older = record_get(actor=request.actor, record_id=older_id)
    error: PortalError | None = None
    if request.method == "POST":
        try:
            version_declare(actor=request.actor, newer=record_id, older=older_id)
        except Conflict as refused:
            error = refused
        else:
            messages.success(request, f"{title(newer)} replaces {title(older)} from now on.")
            return redirect("portal:record", record_id=record_id)
    context = {
        "section": "records",
        "newer": newer,
        "older": older,
        "newer_title": title(newer),
        "older_title": title(older),
        "changes": _changes(older, newer),
        "error": error,
    }
    return render(request, "portal/replaces.html", context, status=error.status if error else 200)


def title(record: Record) -> str:
    """Invoice 2026-0173"""
    return f"{wording.kind_name(record.kind)} {record.fields.get('number') or ''}".strip()


def _in_reading_order(names: Iterable[str]) -> list[str]:
    return sorted(names, key=wording.reading_order)


def life_context(record: Record) -> dict[str, object]:
    return {"is_final": record.life.stage is Stage.FINAL, "stages": wording.stages(record.life)}


def _source_digest(record: Record) -> bytes | None:
    digest = record.fields.get(SOURCE_DIGEST)
    return bytes.fromhex(digest) if isinstance(digest, str) else None


def _others(request: PageRequest, ids: tuple[UUID, ...], *, known: Record) -> list[dict[str, object]]:
    """What the page of one record tells of others that belong to it."""
    told = []
    for record_id in ids:
        other = known if record_id == known.id else record_get(actor=request.actor, record_id=record_id)
        told.append(
            {
                "id": other.id,
                "title": title(other),
                "created": other.created,
                "amount": other.fields.get("payable_amount"),
                "currency": other.fields.get("currency"),
                "is_this": other.id == known.id,
                "superseded": other.superseded_by is not None,
                "is_newest": other.superseded_by is None,
                "replaces_none": other.replaces is None,
            }
        )
    return told


def _changes(older: Record, newer: Record) -> list[dict[str, str]]:
    """Fields that differ, as people read them."""
    names = sorted(older.fields.keys() | newer.fields.keys(), key=wording.natural)
    return [
        {
            "label": wording.field_label(name),
            "before": wording.value_text(name, older.fields) if name in older.fields else "",
            "after": wording.value_text(name, newer.fields) if name in newer.fields else "",
        }
        for name in names
        if name != SOURCE_DIGEST and older.fields.get(name) != newer.fields.get(name)
    ]
