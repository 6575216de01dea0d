"""Every failure in one shape.

    {"error": {"code": "wrong_input", "message": "Choose at least one field.", "where": "fields"}}

`code` is for programs, `message` for people; `where` names the member of the request at fault, where there is one.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent, TooManyFilesSent
from django.db import InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from rest_framework.exceptions import APIException, Throttled, ValidationError
from rest_framework.response import Response

from apps.accounts.errors import PortalError

logger = logging.getLogger(__name__)

CODES = {
    400: "wrong_input",
    401: "no_token",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
}
DATABASE_AWAY = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)


class Malformed(PortalError):
    """A request that cannot be read at all."""

    code = "malformed"


class TooLarge(PortalError):
    code = "too_large"
    status = 413


@dataclass(frozen=True, slots=True)
class Problem:
    status: int
    code: str
    message: str
    where: str | None = None

    def to_json(self) -> dict[str, dict[str, str]]:
        body = {"code": self.code, "message": self.message}
        return {"error": body | ({"where": self.where} if self.where else {})}


def answer_error(error: Exception, context: Mapping[str, Any]) -> Response:
    """The answer to a request that failed, however it failed."""
    problem = _problem(error)
    return Response(problem.to_json(), status=problem.status, headers=_headers(error))


def _problem(error: Exception) -> Problem:
    match error:
        case PortalError():
            return Problem(error.status, error.code, error.message, error.where)
        case ValidationError():
            return _wrong_input(error.detail)
        case APIException():
            code = "unknown_token" if error.get_codes() == "unknown_token" else CODES.get(error.status_code, "refused")
            return Problem(error.status_code, code, str(error.detail))
        case Http404():
            return Problem(404, CODES[404], "There is nothing here.")
        case TooManyFilesSent() | TooManyFieldsSent():
            limit = settings.DATA_UPLOAD_MAX_NUMBER_FILES
            return Problem(413, CODES[413], f"One request brings at most {limit:,} files.")
        case RequestDataTooBig():
            return Problem(413, CODES[413], "The request is larger than any that is taken here.")
        case SuspiciousOperation() | UnreadablePostError():
            return Problem(400, Malformed.code, "The request cannot be read.")
    if isinstance(error, DATABASE_AWAY):
        return Problem(503, "try_later", "A database does not answer at the moment. Try again soon.")
    logger.error("unexpected failure", exc_info=error)
    return Problem(500, "internal", "Something failed here; the operator can see where.")


def _wrong_input(detail: Any) -> Problem:
    """The first of what a serializer found, and where."""
    path = list[str]()
    while isinstance(detail, dict | list):
        # A list holds either messages or what is wrong with each item of a list in the request, nothing for good ones.
        pairs = detail.items() if isinstance(detail, dict) else enumerate(detail)
        key, detail = next((key, inner) for key, inner in pairs if inner)
        if isinstance(detail, dict | list) and key != "non_field_errors":
            path.append(str(key))
    return Problem(400, CODES[400], str(detail), ".".join(path) or None)


def _headers(error: Exception) -> dict[str, str]:
    if isinstance(error, Throttled) and error.wait is not None:
        return {"Retry-After": str(max(1, round(error.wait)))}
    authenticate = getattr(error, "auth_header", None)
    return {"WWW-Authenticate": authenticate} if authenticate else {}
