"""HTTP in, HTTP out; the rules are in services and selectors."""

import hmac
from collections.abc import Collection

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.gzip import gzip_page

from apps.beacon import explorer, receipts, registry, selectors, sequencer, services
from apps.beacon.errors import Refusal, not_found
from apps.beacon.finality import COMPACT_KINDS, COSIGNER_KINDS
from apps.beacon.http import answer, read, refuse
from apps.beacon.network import log_signer, network_file
from apps.network import beacon_api as api
from apps.network.errors import NetworkFileInvalid
from audit_chain.encoding import from_decimal, from_hex
from audit_chain.errors import Malformed, MalformedTile
from audit_chain.log.tiles import parse_tile_path
from audit_chain.proof.receipt import MEDIA_TYPE as RECEIPT_TYPE

DEFAULT_PAGE = 50  # blocks or epochs
IMMUTABLE = "public, max-age=31536000, immutable"
MOMENTARY = "public, max-age=1"


def healthz(request: HttpRequest) -> HttpResponse:
    """200 when the database answers, the genesis block is sealed and a sequencer is at work."""
    try:
        network_file()
        if not selectors.has_genesis():
            return refuse(503, "starting", "the genesis block is not sealed yet")
        if not sequencer.is_at_work():
            return refuse(503, "no_sequencer", "no sequencer is at work")
    except NetworkFileInvalid as problem:
        return refuse(503, "no_network", str(problem))
    except DatabaseError as problem:
        return refuse(503, "no_database", f"the database does not answer ({type(problem).__name__})")
    return answer({"status": "ok"})


def network(request: HttpRequest) -> HttpResponse:
    return HttpResponse(network_file().render(), content_type="application/json")


def checkpoint(request: HttpRequest) -> HttpResponse:
    note = selectors.published_checkpoint(network_file())
    response = HttpResponse(note, content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = MOMENTARY
    return response


@gzip_page
def tile(request: HttpRequest, *, tile_path: str) -> HttpResponse:
    try:
        content = selectors.tile_content(parse_tile_path(tile_path))
    except MalformedTile:
        raise not_found("tile") from None
    response = HttpResponse(content, content_type="application/octet-stream")
    response["Cache-Control"] = IMMUTABLE
    patch_vary_headers(response, ["Accept-Encoding"])
    return response


def blocks(request: HttpRequest) -> HttpResponse:
    before, limit = _number(request, "before"), _number(request, "limit")
    page = selectors.blocks(network_file(), before=before, limit=DEFAULT_PAGE if limit is None else limit)
    return answer(page)


def block(request: HttpRequest, *, number: int) -> HttpResponse:
    return answer(selectors.block(number, network_file()))


def entry(request: HttpRequest, *, index: int) -> HttpResponse:
    return answer(selectors.entry(index))


def proof(request: HttpRequest, *, index: int) -> HttpResponse:
    return answer(selectors.entry_proof(index, network_file(), kinds=_cosigner_kinds(request)))


def entry_receipt(request: HttpRequest, *, index: int) -> HttpResponse:
    try:
        found = receipts.entry_receipt(index, network_file(), log_signer)
    except NetworkFileInvalid:
        return refuse(503, "no_key", "this node does not hold the key of the log, and makes no receipts")
    response = HttpResponse(found, content_type=RECEIPT_TYPE)
    response["Cache-Control"] = "no-store"
    return response


def finality(request: HttpRequest, *, size: int | None = None) -> HttpResponse:
    return answer(selectors.finality_proof(size, network_file(), kinds=_cosigner_kinds(request)))


def epochs(request: HttpRequest) -> HttpResponse:
    before, limit = _number(request, "before"), _number(request, "limit")
    page = registry.epochs(network_file(), before=before, limit=DEFAULT_PAGE if limit is None else limit)
    return answer(page)


def epoch(request: HttpRequest, *, number: int) -> HttpResponse:
    return answer(registry.epoch(number, network_file()))


def validators(request: HttpRequest) -> HttpResponse:
    return answer(registry.validators(network_file()))


def committee(request: HttpRequest, *, name: str) -> HttpResponse:
    return answer(registry.committee(name))


def motions(request: HttpRequest) -> HttpResponse:
    return answer(registry.motions())


def offences(request: HttpRequest) -> HttpResponse:
    return answer(registry.offences())


def ballot_submit(request: HttpRequest) -> HttpResponse:
    return _receipt(services.ballot_submit(read(request, api.BallotSubmission)))


def rotation_submit(request: HttpRequest) -> HttpResponse:
    return _receipt(services.rotation_submit(read(request, api.RotationSubmission)))


def slashing_submit(request: HttpRequest) -> HttpResponse:
    return _receipt(services.slashing_submit(read(request, api.SlashingSubmission)))


def state_proof(request: HttpRequest) -> HttpResponse:
    """A POST, for names of the state hold digests that somebody asks about."""
    return answer(registry.state_proof(read(request, api.StateQuestion), network_file()))


def state_sections(request: HttpRequest) -> HttpResponse:
    return answer(registry.state_sections(_number(request, "size")))


def members(request: HttpRequest) -> HttpResponse:
    return answer(registry.members())


def member(request: HttpRequest, *, name: str) -> HttpResponse:
    return answer(registry.member(name))


def member_register(request: HttpRequest) -> HttpResponse:
    _require_operator(request)
    return _receipt(services.member_register(read(request, api.MemberSubmission)))


def pools(request: HttpRequest) -> HttpResponse:
    return answer(registry.pools())


def pool(request: HttpRequest, *, name: str) -> HttpResponse:
    return answer(registry.pool(name))


def pool_register(request: HttpRequest) -> HttpResponse:
    _require_operator(request)
    return _receipt(services.pool_register(read(request, api.PoolSubmission)))


def crosslink(request: HttpRequest, *, name: str) -> HttpResponse:
    return answer(registry.crosslink(name))


def crosslink_submit(request: HttpRequest) -> HttpResponse:
    return _receipt(services.crosslink_submit(read(request, api.CrosslinkSubmission)))


def crosslinks(request: HttpRequest) -> HttpResponse:
    first, epochs_ = _number(request, "first"), _number(request, "epochs")
    return answer(explorer.crosslinks(network_file(), first=first or 0, epochs=1 if epochs_ is None else epochs_))


def hash_lookup(request: HttpRequest) -> HttpResponse:
    """A POST, as a look-up of evidence: what somebody asks about stands in no address."""
    return answer(explorer.hash_places(_digest(read(request, api.HashQuestion).hash, where="hash")))


def evidence_submit(request: HttpRequest) -> HttpResponse:
    return _receipt(services.evidence_submit(read(request, api.EvidenceSubmission)))


def evidence_lookup(request: HttpRequest) -> HttpResponse:
    """A POST, so that the digest somebody asks about stands in no address and no access log."""
    question = read(request, api.EvidenceQuestion)
    return answer(registry.deposits(_digest(question.sha256, where="sha256"), network_file()))


def nothing_here(request: HttpRequest) -> HttpResponse:
    raise not_found("path")


def _receipt(receipt: api.Receipt) -> HttpResponse:
    return answer(receipt, status=202 if receipt.index is None else 200)


def _digest(text: str, *, where: str) -> bytes:
    try:
        digest = from_hex(text)
    except Malformed:
        digest = b""
    if len(digest) != 32:
        raise Refusal(422, "malformed_digest", "expected 64 lower-case hex digits", where=where)
    return digest


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name)
    if text is None:
        return None
    try:
        return from_decimal(text)
    except Malformed as problem:
        raise Refusal(400, "malformed_number", str(problem), where=name) from None


def _cosigner_kinds(request: HttpRequest) -> Collection[int]:
    """Compact, unless all were asked for: an ML-DSA-44 line has some 3,300 characters."""
    match request.GET.get("cosignatures", "compact"):
        case "compact":
            return COMPACT_KINDS
        case "all":
            return COSIGNER_KINDS
    raise Refusal(400, "malformed_choice", "expected compact or all", where="cosignatures")


def _require_operator(request: HttpRequest) -> None:
    """Only the operator says who belongs to the network. Without a token in the settings nobody does."""
    expected = settings.BEACON_OPERATOR_TOKEN
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    is_operator = scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), expected.encode())
    if not expected or not is_operator:
        raise Refusal(403, "not_the_operator", "registering needs the operator's token")
