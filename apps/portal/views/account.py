"""Signing in and out, acting for one of several organisations, passwords, and joining by invitation."""

from django.contrib import messages
from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts import throttle
from apps.accounts.errors import PortalError
from apps.accounts.selectors import invitation_open
from apps.accounts.services import invitation_accept, password_change
from apps.portal.access import ORGANISATION_KEY, PageRequest, open_to_all
from apps.portal.forms import ChangePasswordForm, JoinForm, SignInForm


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
@open_to_all
def sign_in(request: PageRequest) -> HttpResponse:
    target = _safe_target(request)
    if request.user.is_authenticated and request.method == "GET":
        return redirect(target)
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _let_in(request, form):
        return redirect(target)
    return render(request, "portal/sign_in.html", {"form": form, "next": target}, status=200)


def _let_in(request: PageRequest, form: SignInForm) -> bool:
    email, place = form.cleaned_data["email"], request.META.get("REMOTE_ADDR", "")
    try:
        throttle.attempt_check(email=email, place=place)
    except PortalError as error:
        form.add_error(None, error.message)
        return False
    user = authenticate(request, username=email, password=form.cleaned_data["password"])
    if user is None:
        throttle.attempt_failed(email=email, place=place)
        form.add_error(None, "This e-mail address and password do not belong together.")
        return False
    throttle.attempt_succeeded(email=email, place=place)
    login(request, user)
    return True


def _safe_target(request: PageRequest) -> str:
    """The page that was asked for before the sign-in, if it is one of ours."""
    target = request.POST.get("next") or request.GET.get("next") or "/"
    is_ours = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if is_ours else "/"


@require_POST
def sign_out(request: PageRequest) -> HttpResponse:
    logout(request)
    return redirect("portal:overview")


@require_POST
@open_to_all
def organisation(request: PageRequest) -> HttpResponse:
    """Acts for another of the user's organisations from now on."""
    memberships = request.standing.memberships if request.user.is_authenticated else ()
    chosen = next((m for m in memberships if str(m.organisation_id) == request.POST.get("organisation")), None)
    if chosen is None:
        raise Http404
    request.session[ORGANISATION_KEY] = chosen.organisation_id
    return redirect("portal:overview")


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
@open_to_all
def password(request: PageRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return redirect("portal:sign-in")
    form = ChangePasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            password_change(user=request.user, current=form.cleaned_data["current"], new=form.cleaned_data["password"])
        except PortalError as error:
            form.add_error(error.where, error.message)
        else:
            update_session_auth_hash(request, request.user)  # Other sessions of this user end here.
            messages.success(request, "Your password is changed. Other places where you were signed in are signed out.")
            return redirect("portal:overview")
    return render(request, "portal/password.html", {"form": form})


@sensitive_post_parameters("password", "repeated")
@never_cache
@require_http_methods(["GET", "POST"])
@open_to_all
def invitation(request: PageRequest) -> HttpResponse:
    """The page behind an invitation's link: who is signed in joins, who is new sets a password first.

    The token stands in the query, which no log of ours writes down.
    """
    token = request.GET.get("token", "")
    found = invitation_open(token=token)
    is_known = found.user_exists()
    form = None if is_known else JoinForm(request.POST or None)
    if request.method == "POST" and (request.user.is_authenticated or (form is not None and form.is_valid())):
        values = form.cleaned_data if form is not None and not request.user.is_authenticated else {}
        try:
            user = invitation_accept(
                token=token,
                user=request.user if request.user.is_authenticated else None,
                password=values.get("password", ""),
                full_name=values.get("full_name", ""),
            )
        except PortalError as error:
            if form is None or request.user.is_authenticated:
                raise
            form.add_error(error.where if error.where in form.fields else None, error.message)
        else:
            if not request.user.is_authenticated:
                login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            request.session[ORGANISATION_KEY] = found.organisation_id
            messages.success(request, f"You are a member of {found.organisation.display_name} now.")
            return redirect("portal:overview")
    return render(request, "portal/invitation.html", {"form": form, "invitation": found, "is_known": is_known})
