"""Failures that no view has met: under /api/ in the API's shape, elsewhere as a page."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from apps.api.errors import Malformed, Problem


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    problem = Problem(400, Malformed.code, "The request cannot be read.")
    return _told(request, problem) or defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    problem = Problem(404, "not_found", "There is nothing here; the API is at /api/v1/.")
    return _told(request, problem) or defaults.page_not_found(request, exception)


def failed(request: HttpRequest) -> HttpResponse:
    problem = Problem(500, "internal", "Something failed here; the operator can see where.")
    return _told(request, problem) or defaults.server_error(request)


def _told(request: HttpRequest, problem: Problem) -> HttpResponse | None:
    """The problem as the API tells it, where a program asked; None where a page is due."""
    if not request.path_info.startswith("/api/"):
        return None
    return JsonResponse(problem.to_json(), status=problem.status)
