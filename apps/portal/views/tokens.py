"""The organisation's API tokens: made and revoked by an owner."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.errors import PortalError
from apps.accounts.roles import Role
from apps.accounts.selectors import tokens_list
from apps.accounts.services import token_create, token_revoke
from apps.portal.access import PageRequest, members_only
from apps.portal.forms import TokenForm


@require_http_methods(["GET", "POST"])
@members_only
def tokens(request: PageRequest) -> HttpResponse:
    request.actor.require(Role.OWNER)
    form = TokenForm(request.POST or None)
    token, text = None, None
    if request.method == "POST" and form.is_valid():
        try:
            token, text = token_create(actor=request.actor, **form.cleaned_data)
            form = TokenForm()
        except PortalError as error:
            form.add_error(error.where, error.message)
    context = {"form": form, "token": token, "text": text, "tokens": tokens_list(actor=request.actor)}
    return render(request, "portal/tokens.html", context)


@require_POST
@members_only
def revoke(request: PageRequest, token_id: int) -> HttpResponse:
    token = token_revoke(actor=request.actor, token_id=token_id)
    messages.success(request, f"The token {token.label} is revoked: programs that carry it are refused from now on.")
    return redirect("portal:tokens")
