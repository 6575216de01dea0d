"""Import: files in, progress, what became of each."""

from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.errors import NotFound, PortalError, WrongInput
from apps.accounts.roles import Role
from apps.exchange.imports import import_get, import_items, import_stage, imports_list
from apps.exchange.records import pool_status, record_get
from apps.exchange.tables import TableQuestion, mapping_read, table_question
from apps.portal import wording
from apps.portal.access import PageRequest, members_only
from audit_chain.canonical import JSON
from data_pool.imports import Batch, Position
from data_pool.staging import Upload

PAGE = 100  # outcomes on one page
OUTCOMES = ("accepted", "duplicate", "refused", "pending")
MAPPABLE = {
    "What every document needs": (
        "number", "issue_date", "currency", "payable_amount", "seller.name", "buyer.name",
    ),
    "Often there as well": (
        "due_date", "net_amount", "tax_amount", "gross_amount", "kind", "seller.id", "seller.vat_id", "seller.country",
        "buyer.id", "buyer.vat_id", "buyer.country", "order_reference", "buyer_reference", "payment.terms", "notes.0",
    ),
}  # fmt: skip
DATE_FORMATS = ("YYYY-MM-DD", "DD.MM.YYYY", "DD/MM/YYYY", "MM/DD/YYYY", "DD-MM-YYYY", "YYYY/MM/DD", "YYYYMMDD")
DEFAULTS = ("currency", "seller.name", "buyer.name")


@require_http_methods(["GET", "POST"])
@members_only
def imports(request: PageRequest) -> HttpResponse:
    request.actor.pool(Role.STAFF)
    if request.method == "GET":
        return _form(request, replaces=_record_to_replace(request, request.GET.get("replaces")))
    replaced = _record_to_replace(request, request.POST.get("replaces"))
    try:
        files, mapping = _uploads(request), _mapping(request)
        question = table_question(files, mapping)
        if question is not None:
            return _form(request, question=question, replaces=replaced)
        batch = import_stage(
            actor=request.actor, files=files, mapping=mapping, replaces=replaced.id if replaced else None
        )
    except NotFound:
        raise
    except PortalError as error:
        return _form(request, error=error, replaces=replaced)
    target = reverse("portal:import", args=[batch])
    if request.htmx:
        response = HttpResponse()
        response["HX-Redirect"] = target
        return response
    return redirect(target)


@require_safe
@members_only
def one(request: PageRequest, import_id: UUID) -> HttpResponse:
    """The page of one import; asked by htmx, the part of it that changes."""
    batch = import_get(actor=request.actor, import_id=import_id)
    outcome = request.GET.get("outcome")
    outcome = outcome if outcome in OUTCOMES else None
    after = _position(request.GET.get("after"))
    items = import_items(actor=request.actor, import_id=import_id, outcome=outcome, after=after, limit=PAGE + 1)
    status = pool_status(actor=request.actor)
    context = {
        "section": "records",
        "batch": batch,
        "seconds_left": _seconds_left(batch),
        "read": batch.total - batch.pending,
        "items": items[:PAGE],
        "next": "{}.{}".format(*items[PAGE - 1].position) if len(items) > PAGE else None,
        "outcome": outcome,
        "after": request.GET.get("after") if after else None,
        "status": status,
        "moving": after is None and not (batch.done and status.settled),
    }
    return render(request, "portal/parts/import_state.html" if request.htmx else "portal/import.html", context)


def _form(
    request: PageRequest,
    *,
    error: PortalError | None = None,
    question: TableQuestion | None = None,
    replaces: object = None,
) -> HttpResponse:
    context = {
        "section": "records",
        "error": error,
        "question": question,
        "replaces": replaces,
        "limit": settings.MAX_UPLOAD_BYTES,
        "mappable": MAPPABLE,
        "date_formats": DATE_FORMATS,
        "defaults": DEFAULTS,
        "chosen": request.POST,
    }
    if request.htmx:  # The chosen files stay chosen: only what has to be said is put beside them.
        return render(request, "portal/parts/import_answer.html", context)
    context["batches"] = imports_list(actor=request.actor)
    status = error.status if error else 200
    return render(request, "portal/imports.html", context, status=status)


def _uploads(request: HttpRequest) -> list[Upload]:
    limit = settings.MAX_UPLOAD_BYTES
    if int(request.META.get("CONTENT_LENGTH") or 0) > limit:
        raise WrongInput(
            f"Together the files are larger than {limit // 2**20} MB. Bring them in several imports.", where="files"
        )
    files = request.FILES.getlist("files")
    if not files:
        raise WrongInput("Choose at least one file.", where="files")
    return [Upload(name=file.name or "unnamed", media_type=file.content_type, data=file.read()) for file in files]


def _mapping(request: HttpRequest) -> JSON:
    """What was said about columns, as the pool keeps it; None where nothing was asked."""
    headers = request.POST.getlist("header")
    if not headers:
        return None
    fields = request.POST.getlist("field")
    if len(fields) != len(headers):
        raise WrongInput("Say for each column what it is.", where="mapping")
    defaults = {name: request.POST.get(f"default.{name}", "").strip() for name in DEFAULTS}
    mapping = {
        "columns": {header: name for header, name in zip(headers, fields, strict=True) if name},
        "defaults": {name: value for name, value in defaults.items() if value and name not in fields},
        "decimal_separator": request.POST.get("decimal_separator", "."),
        "thousands_separator": "." if request.POST.get("decimal_separator") == "," else ",",
        "date_format": request.POST.get("date_format", DATE_FORMATS[0]),
        "encoding": request.POST.get("encoding", "utf-8"),
    }
    mapping_read(mapping)
    return mapping


def _record_to_replace(request: PageRequest, text: str | None) -> object:
    if not text:
        return None
    try:
        return record_get(actor=request.actor, record_id=UUID(text))
    except ValueError:
        raise Http404 from None


def _position(text: str | None) -> Position | None:
    position, dot, part = (text or "").partition(".")
    if not dot or not (position.isdecimal() and part.isdecimal()) or len(text or "") > 20:
        return None
    return int(position), int(part)


def _seconds_left(batch: Batch) -> str | None:
    """How long the rest will take, if it goes on as it did."""
    read = batch.total - batch.pending
    if batch.done or read == 0:
        return None
    elapsed = (timezone.now() - batch.created).total_seconds()
    return wording.duration(max(1, elapsed * batch.pending / read))
