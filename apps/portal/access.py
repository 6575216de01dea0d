"""Who may open a page, and what a broken rule looks like on it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.utils.functional import SimpleLazyObject

from apps.accounts.actor import Actor
from apps.accounts.errors import NotFound, PortalError
from apps.accounts.selectors import Standing, standing_get
from apps.exchange.selectors import inbox_unread_count

ORGANISATION_KEY = "organisation"  # in the session: the id of the organisation that the user acts for


class PageRequest(HttpRequest):
    """What views get: `actor` is set on every page of `members_only`, and None where nobody has signed in."""

    actor: Actor
    standing: Standing
    inbox_unread: int
    htmx: Any


View = Callable[..., HttpResponse]


def open_to_all(view: View) -> View:
    """A page that needs no sign-in, and knows who reads it where somebody has signed in."""

    @wraps(view)
    def page(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        _stand(request)
        return _answer(view, request, *args, **kwargs)

    return page


def members_only(view: View) -> View:
    """A page for people who act for an organisation; others are led to the sign-in first."""

    @wraps(view)
    def page(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        _stand(request)
        if not request.user.is_authenticated:
            return _to_sign_in(request)
        if request.actor is None:
            return render(request, "portal/no_organisation.html", status=403)
        return _answer(view, request, *args, **kwargs)

    return page


def _stand(request: PageRequest) -> None:
    if not request.user.is_authenticated:
        request.actor = None  # type: ignore[assignment]
        return
    request.standing = standing_get(user=request.user, organisation_id=request.session.get(ORGANISATION_KEY))
    request.actor = request.standing.actor  # type: ignore[assignment]
    if request.actor is not None:
        request.inbox_unread = SimpleLazyObject(lambda: inbox_unread_count(actor=request.actor))  # type: ignore[assignment]


def _to_sign_in(request: PageRequest) -> HttpResponse:
    if request.htmx:  # A fragment cannot show the sign-in: the whole page has to go there.
        response = HttpResponse(status=200)
        response["HX-Refresh"] = "true"
        return response
    return redirect_to_login(request.get_full_path() if request.method in ("GET", "HEAD") else "/")


def _answer(view: View, request: PageRequest, /, *args: Any, **kwargs: Any) -> HttpResponse:
    try:
        response = view(request, *args, **kwargs)
    except NotFound as error:
        raise Http404(error.message) from error
    except PortalError as error:
        response = render(request, "portal/refused.html", {"error": error}, status=error.status)
    if request.user.is_authenticated:
        add_never_cache_headers(response)  # After the sign-out, "back" shows nothing.
    return response
