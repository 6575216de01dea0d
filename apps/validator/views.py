"""HTTP in, HTTP out: C2SP tlog-witness, and two pages about the node itself."""

import logging
import time
from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, UnreadablePostError

from apps.network import wire
from apps.network.errors import NetworkFileInvalid
from apps.validator.following import follower
from apps.validator.heads import check_running
from apps.validator.identity import identity
from apps.validator.models import SignedHead
from apps.validator.replica import replayed_size
from apps.validator.selectors import signed_note, status_of
from apps.validator.witnessing import cosign, cosign_beacon, read_request
from audit_chain.errors import MalformedRequest, Refused, RefusedHistory, RefusedOldSize, RefusedOrigin, RefusedVote
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.note import Note
from audit_chain.log.witness import AddCheckpointRequest, render_cosignatures

logger = logging.getLogger(__name__)

SIZE_TYPE = "text/x.tlog.size"
View = Callable[..., HttpResponse]


def plain(text: str, *, status: int = 200) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


def endpoint(method: str) -> Callable[[View], View]:
    """Answers to one method; whatever fails becomes a line of text, never a traceback."""

    def decorate(view: View) -> View:
        @wraps(view)
        def dispatch(request: HttpRequest, **arguments: object) -> HttpResponse:
            response = respond(request, **arguments)
            if request.method == "HEAD":
                response.content = b""  # The server does not see to it.
            return response

        def respond(request: HttpRequest, **arguments: object) -> HttpResponse:
            if request.method not in (method, "HEAD" if method == "GET" else method):
                response = plain(f"this path answers to {method}\n", status=405)
                response["Allow"] = method
                return response
            try:
                return view(request, **arguments)
            except (DatabaseError, NetworkFileInvalid) as problem:
                logger.error("%s", type(problem).__name__)
                return plain("the validator cannot answer at the moment\n", status=503)
            except Exception as problem:  # the last line of defence
                logger.error("%s in %s", type(problem).__name__, view.__name__)
                return plain("the validator failed; its operator can see where\n", status=500)

        return dispatch

    return decorate


@endpoint("POST")
def add_checkpoint(request: HttpRequest) -> HttpResponse:
    try:
        return _add_checkpoint(read_request(request.body))
    except RequestDataTooBig:
        return plain("the request is larger than any checkpoint\n", status=413)
    except UnreadablePostError:
        return plain("the request ended before its length\n", status=400)
    except MalformedRequest as problem:
        return plain(f"{problem}\n", status=400)
    except RefusedOldSize as refusal:
        return HttpResponse(f"{refusal.size}\n", status=refusal.status, content_type=SIZE_TYPE)
    except Refused as refusal:
        if isinstance(refusal, RefusedHistory | RefusedVote):
            logger.warning("no cosignature: %s", refusal)
        return plain(f"{refusal}\n", status=refusal.status)


def _add_checkpoint(request: AddCheckpointRequest) -> HttpResponse:
    own = identity()
    following = follower(own)
    now = int(time.time())
    origin = LogCheckpoint.parse(Note.parse(request.note).text).origin
    if origin == own.network.beacon.key.name:
        cosignatures = cosign_beacon(
            request, follower=following, identity=own, now=now, tolerance=settings.BLOCK_TIME_TOLERANCE
        )
    else:
        if origin not in own.further_logs:
            check_running()
        log = following.find(origin)
        if log is None:
            raise RefusedOrigin("unknown log")
        cosignatures = cosign(request, log=log, identity=own, now=now)
    return plain(render_cosignatures(cosignatures).decode())


@endpoint("GET")
def checkpoint(request: HttpRequest, *, origin_hash: str) -> HttpResponse:
    note = signed_note(origin_hash)
    if note is None:
        return plain("this validator has cosigned no checkpoint of that log\n", status=404)
    response = plain(note.decode())
    response["Cache-Control"] = "no-cache"
    return response


@endpoint("GET")
def healthz(request: HttpRequest) -> HttpResponse:
    """200 when the store answers and the keys are the network's."""
    try:
        follower(identity())
        SignedHead.objects.exists()
        replayed_size()
    except NetworkFileInvalid as problem:
        return plain(f"{problem}\n", status=503)
    except DatabaseError as problem:
        return plain(f"the store does not answer ({type(problem).__name__})\n", status=503)
    return plain("ok\n")


@endpoint("GET")
def status(request: HttpRequest) -> HttpResponse:
    own = identity()
    response = HttpResponse(wire.to_text(status_of(own)), content_type="application/json")
    response["Cache-Control"] = "no-store"
    return response


@endpoint("GET")
def nothing_here(request: HttpRequest) -> HttpResponse:
    return plain("the validator has no such path\n", status=404)
