"""Who belongs to the organisation: invited, given roles and removed by an owner."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.errors import Conflict, PortalError
from apps.accounts.roles import Role
from apps.accounts.selectors import invitations_list, members_list
from apps.accounts.services import invitation_withdraw, member_invite, member_remove, member_set_role
from apps.portal.access import PageRequest, members_only
from apps.portal.forms import InviteForm


@require_http_methods(["GET", "POST"])
@members_only
def members(request: PageRequest) -> HttpResponse:
    request.actor.require(Role.OWNER)
    form = InviteForm(request.POST or None)
    link = None
    if request.method == "POST" and form.is_valid():
        try:
            invitation, token = member_invite(actor=request.actor, **form.cleaned_data)
        except PortalError as error:
            form.add_error(error.where, error.message)
        else:
            url = request.build_absolute_uri(f"{reverse('portal:invitation')}?token={token}")
            link = {"email": invitation.email, "url": url}
            form = InviteForm()
    return render(
        request,
        "portal/members.html",
        {
            "form": form,
            "link": link,
            "members": members_list(actor=request.actor),
            "invitations": invitations_list(actor=request.actor),
            "roles": Role.choices,
        },
    )


@require_POST
@members_only
def role(request: PageRequest, membership_id: int) -> HttpResponse:
    try:
        membership = member_set_role(
            actor=request.actor, membership_id=membership_id, role=request.POST.get("role", "")
        )
    except Conflict as error:
        messages.warning(request, error.message)
    else:
        messages.success(request, f"{membership.user.email} is {membership.get_role_display().lower()} now.")
    return redirect("portal:members" if _still_owner(request) else "portal:overview")


@require_POST
@members_only
def remove(request: PageRequest, membership_id: int) -> HttpResponse:
    try:
        email = member_remove(actor=request.actor, membership_id=membership_id)
    except Conflict as error:
        messages.warning(request, error.message)
    else:
        messages.success(request, f"{email} is no member any more.")
    return redirect("portal:members" if _still_owner(request) else "portal:overview")


@require_POST
@members_only
def withdraw(request: PageRequest, invitation_id: int) -> HttpResponse:
    invitation_withdraw(actor=request.actor, invitation_id=invitation_id)
    messages.success(request, "The invitation is withdrawn: its link opens nothing any more.")
    return redirect("portal:members")


def _still_owner(request: PageRequest) -> bool:
    """An owner may have changed or removed their own membership."""
    return request.actor.organisation.memberships.filter(user=request.user, role=Role.OWNER).exists()
