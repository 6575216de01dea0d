"""JSON over HTTP: requests read strictly, answers written, every failure as `{"error": {"code", "message"}}`."""

import logging
import re
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

import psycopg
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, UnreadablePostError

from apps.beacon.errors import Refusal, status_of
from apps.network import wire
from apps.network.beacon_api import Problem
from apps.network.beacon_api import Refusal as RefusalAnswer
from audit_chain.errors import Invalid, Malformed

logger = logging.getLogger(__name__)

T = TypeVar("T")
View = Callable[..., HttpResponse]


def answer(value: object, *, status: int = 200) -> HttpResponse:
    """A JSON answer that no cache keeps: everything but tiles may be different the next moment."""
    response = HttpResponse(wire.to_text(value), status=status, content_type="application/json")
    response["Cache-Control"] = "no-store"
    return response


def refuse(status: int, code: str, message: str, *, where: str | None = None) -> HttpResponse:
    return answer(RefusalAnswer(Problem(code=code, message=message, where=where)), status=status)


def read(request: HttpRequest, kind: type[T]) -> T:
    """The request's body as an instance of `kind`; a Refusal names what is wrong with it."""
    try:
        body = request.body
    except RequestDataTooBig:
        raise Refusal(413, "too_large", "the request is larger than any that the beacon takes") from None
    except UnreadablePostError:
        raise Refusal(400, "cut_off", "the request ended before its length") from None
    try:
        return wire.parse(kind, body, exact=True)
    except wire.Unreadable as problem:
        raise Refusal(400, "unreadable", problem.message, where=problem.where or None) from None


def endpoint(**views: View) -> View:
    """One view for a path, by method. Whatever is raised becomes a JSON answer; nothing of a body reaches a log."""

    @wraps(next(iter(views.values())))
    def dispatch(request: HttpRequest, **arguments: object) -> HttpResponse:
        response = respond(request, **arguments)
        if request.method == "HEAD":
            response.content = b""  # The server does not see to it.
        return response

    def respond(request: HttpRequest, **arguments: object) -> HttpResponse:
        view = views.get("GET" if request.method == "HEAD" else request.method or "")
        if view is None:
            response = refuse(405, "method_not_allowed", f"this path answers to {', '.join(views)}")
            response["Allow"] = ", ".join(views)
            return response
        try:
            return view(request, **arguments)
        except Refusal as refusal:
            return answer(refusal.answer, status=refusal.status)
        except (Malformed, Invalid) as refusal:
            return refuse(status_of(refusal), _code(refusal), str(refusal))
        except (DatabaseError, psycopg.Error) as problem:
            logger.error("unexpected failure", exc_info=problem)
            return refuse(503, "unavailable", "the beacon's database does not answer; try again later")
        except Exception as problem:  # the last line of defence: no caller sees a traceback
            logger.error("unexpected failure", exc_info=problem)
            return refuse(500, "internal", "the beacon failed; its operator can see where")

    return dispatch


def _code(error: Exception) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()
