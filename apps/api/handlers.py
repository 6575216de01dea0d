"""Failures that no view has met: under /api/ in the API's shape, elsewhere as a page."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from apps.api.errors import Malformed, Problem


def _answer(problem: Problem, page: Callable[..., HttpResponse], request: HttpRequest, **told: Any) -> HttpResponse:
    if request.path_info.startswith("/api/"):
        return JsonResponse(problem.to_json(), status=problem.status)
    return page(request, **told)


bad_request = partial(_answer, Problem(400, Malformed.code, "The request cannot be read."), defaults.bad_request)
not_found = partial(
    _answer, Problem(404, "not_found", "There is nothing here; the API is at /api/v1/."), defaults.page_not_found
)
failed = partial(
    _answer, Problem(500, "internal", "Something failed here; the operator can see where."), defaults.server_error
)
