"""Sharing a record in three steps: choose fields and a recipient, read what that means, share."""

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from apps.accounts.errors import PortalError, WrongInput
from apps.accounts.models import Organisation
from apps.accounts.roles import Role
from apps.accounts.selectors import recipients_list
from apps.exchange.records import record_get, record_share
from apps.portal import presets, wording
from apps.portal.access import PageRequest, members_only
from apps.portal.views.records import life_context, title
from data_pool.records import Record


@require_http_methods(["GET", "POST"])
@members_only
def share(request: PageRequest, record_id: UUID) -> HttpResponse:
    request.actor.pool(Role.STAFF)
    record = record_get(actor=request.actor, record_id=record_id)
    recipients = list(recipients_list(actor=request.actor))
    life = life_context(record)
    context = {"section": "records", "record": record, "title": title(record), "recipients": recipients, **life}
    if request.method == "GET" or not life["is_final"]:
        preset = presets.find(request.GET.get("preset"), record.fields)
        return _choose(request, context, chosen=preset.names, preset=preset.key, request_id=uuid4())
    chosen = [name for name in request.POST.getlist("fields") if name in record.fields]
    recipient = next((one for one in recipients if one.name == request.POST.get("recipient")), None)
    context["recipient"] = recipient
    request_id = _uuid(request.POST.get("request"))
    if "change" in request.POST:
        return _choose(request, context, chosen=chosen, request_id=request_id)
    try:
        _check(chosen, recipient)
        if recipient is not None and "confirmed" in request.POST:
            return _share(request, record, chosen, recipient, request_id)
    except PortalError as error:
        return _choose(request, context, chosen=chosen, request_id=request_id, error=error)
    # What the recipient will read: without the currency, if that stays hidden, for instance.
    disclosed = {name: record.fields[name] for name in sorted(chosen, key=wording.reading_order)}
    context |= {
        "request_id": request_id,
        "shown": [wording.field(name, disclosed) for name in disclosed],
        "hidden_count": len(record.fields) - len(disclosed),
    }
    return render(request, "portal/share_confirm.html", context)


def _share(
    request: PageRequest, record: Record, chosen: list[str], recipient: Organisation, request_id: UUID
) -> HttpResponse:
    made = record_share(
        actor=request.actor, record_id=record.id, names=chosen, recipient=recipient.name, request=request_id
    )
    messages.success(request, f"Shared with {recipient.display_name}. It is in their inbox now.")
    return redirect("portal:bundle", share_id=made.id)


def _choose(
    request: PageRequest,
    context: dict[str, Any],
    *,
    chosen: tuple[str, ...] | list[str],
    request_id: UUID,
    preset: str = "",
    error: PortalError | None = None,
) -> HttpResponse:
    record: Record = context["record"]
    context |= {
        "chosen": set(chosen),
        "request_id": request_id,
        "preset": preset,
        "presets": presets.presets(record.fields),
        "groups": wording.groups(record.fields),
        "error": error,
    }
    return render(request, "portal/share.html", context, status=error.status if error else 200)


def _check(chosen: list[str], recipient: Organisation | None) -> None:
    if recipient is None:
        raise WrongInput("Choose who is to receive it.", where="recipient")
    if not chosen:
        raise WrongInput("Choose at least one field.", where="fields")


def _uuid(text: str | None) -> UUID:
    """The form's own number, which makes sending it twice harmless."""
    try:
        return UUID(text or "")
    except ValueError:
        return uuid4()
