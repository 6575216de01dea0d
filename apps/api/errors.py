"""One shape for everything that goes wrong: {"error": {"code", "message", "where"}}."""

import logging
import traceback
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from apps.accounts.errors import PortalError, WrongInput

logger = logging.getLogger(__name__)


class MalformedBody(WrongInput):
    code = "malformed"


# What the framework itself refuses, in our words.
_CODES: dict[type[exceptions.APIException], str] = {
    exceptions.NotAuthenticated: "not_authenticated",
    exceptions.AuthenticationFailed: "not_authenticated",
    exceptions.PermissionDenied: "not_allowed",
    exceptions.NotFound: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    exceptions.Throttled: "too_many_requests",
    exceptions.ParseError: "malformed",
    exceptions.ValidationError: "wrong_input",
}


def error_body(code: str, message: str, where: str | None = None) -> dict[str, dict[str, str]]:
    body = {"code": code, "message": message}
    if where is not None:
        body["where"] = where
    return {"error": body}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """The answer to a request that went wrong. A fault of ours is logged by its place: its message may hold a value."""
    set_rollback()
    match error:
        case PortalError():
            return Response(error_body(error.code, error.message, error.where), status=error.status)
        case exceptions.ValidationError():
            where, message = _first(error.detail)
            return Response(error_body("wrong_input", message, where), status=error.status_code)
        case exceptions.APIException():
            headers = {}
            if getattr(error, "auth_header", None):
                headers["WWW-Authenticate"] = error.auth_header
            if getattr(error, "wait", None):
                headers["Retry-After"] = str(round(error.wait))
            body = error_body(_CODES.get(type(error), "refused"), str(error.detail))
            return Response(body, status=error.status_code, headers=headers)
        case Http404():
            return Response(error_body("not_found", "There is nothing here."), status=404)
        case PermissionDenied():
            return Response(error_body("not_allowed", "This is not allowed."), status=403)
        case RequestDataTooBig():
            return Response(error_body("too_large", "The request is too large."), status=413)
        case SuspiciousOperation():
            return Response(error_body("malformed", "The request cannot be read."), status=400)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    logger.error("a request failed: %s at %s:%s", type(error).__name__, frame.filename, frame.lineno)
    return Response(error_body("internal", "Something went wrong on our side."), status=500)


def not_found(request: HttpRequest, *_: object, **__: object) -> JsonResponse:
    """What answers below /api/v1/ where nothing is."""
    return JsonResponse(error_body("not_found", "There is nothing at this address."), status=404)


def _first(detail: Any, where: str | None = None) -> tuple[str | None, str]:
    """The first of a serializer's complaints and the member it is about."""
    if isinstance(detail, dict) and detail:
        name, inner = next(iter(detail.items()))
        here = None if name == "non_field_errors" else str(name)
        return _first(inner, f"{where}.{here}" if where and here else here or where)
    if isinstance(detail, list) and detail:
        return _first(detail[0], where)
    return where, str(detail) if detail else "The request is not complete."
