"""One log line per request: method, path, status, milliseconds."""

import logging
from collections.abc import Callable
from time import perf_counter

from django.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)

# Asked every few seconds by whoever watches the node.
QUIET_PATHS = frozenset({"/healthz"})


class AccessLog:
    """Middleware. The query string and the bodies are left out: they may carry what people search for or bring in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        start = perf_counter()
        response = self.get_response(request)
        if request.path not in QUIET_PATHS or response.status_code >= 500:
            milliseconds = (perf_counter() - start) * 1000
            path = request.path.encode("unicode_escape").decode()  # A line break in a path does not make a second line.
            logger.info("%s %s %d %.0f ms", request.method, path, response.status_code, milliseconds)
        return response
