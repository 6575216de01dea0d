"""The endpoints. Each reads its request, asks a service or selector, and answers; rules live below."""

import json
import unicodedata
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4, uuid5

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.actor import Actor
from apps.accounts.errors import WrongInput
from apps.api import serializers as body
from apps.api.parsers import RawJSONParser
from apps.exchange.evidence import digest_read, evidence_deposit, evidence_find, evidence_proof
from apps.exchange.imports import import_get, import_items, import_stage, imports_list
from apps.exchange.network import network_file, verdict_on
from apps.exchange.records import (
    original_deposit,
    original_get,
    record_get,
    record_share,
    records_find,
    version_declare,
)
from apps.exchange.selectors import inbox_list, sent_list, share_get
from apps.exchange.services import share_open
from apps.exchange.tables import mapping_read
from audit_chain.canonical import JSON
from data_pool.imports import Position
from data_pool.life import Stage
from data_pool.search import RecordQuery
from data_pool.staging import Upload

IMPORTS_PAGE = 50
ITEMS_PAGE = 200
BUNDLES_PAGE = 50
SEARCHED = ("text", "number", "partner", "amount", "date_from", "date_to")
_IDEMPOTENCY = UUID("3c5df0a8-5d3a-4c6b-9a53-0b1d7f0c2a11")
BYTES = {(200, "application/json"): OpenApiTypes.BINARY}


def errors(*statuses: int) -> dict[int, OpenApiResponse]:
    """The answers that any request may get, and those of these statuses."""
    return {status: OpenApiResponse(body.ErrorBody) for status in sorted({400, 401, 429, *statuses})}


def actor_of(request: Request) -> Actor:
    return request.auth  # type: ignore[return-value]  # HasToken has seen to it.


def checked(kind: type[body.Plain], data: Any) -> dict[str, Any]:
    serializer = kind(data=data)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


class Imports(APIView):
    parser_classes: ClassVar = [MultiPartParser, RawJSONParser]

    @extend_schema(
        operation_id="imports_list",
        summary="The pool's imports, newest first",
        parameters=[OpenApiParameter("before", OpenApiTypes.UUID)],
        responses={200: body.ImportPage, **errors(404)},
    )
    def get(self, request: Request) -> Response:
        before = _uuid(request.query_params.get("before"), "before")
        batches = imports_list(actor=actor_of(request), limit=IMPORTS_PAGE + 1, before=before)
        page = batches[:IMPORTS_PAGE]
        content = {"imports": page, "before": page[-1].id if len(batches) > IMPORTS_PAGE else None}
        return Response(body.ImportPage(content).data)

    @extend_schema(
        operation_id="imports_create",
        summary="Bring documents in",
        description=(
            "Files as multipart, or one JSON document or an array of them as the body. Once this answers, everything "
            "is kept; it is read in the background. The same document again changes nothing and gives its record."
        ),
        parameters=[OpenApiParameter("replaces", OpenApiTypes.UUID, description="For a JSON body; else a form field.")],
        request={"multipart/form-data": body.ImportFiles, "application/json": OpenApiTypes.OBJECT},
        responses={202: body.Import, **errors(403, 404, 409, 413)},
    )
    def post(self, request: Request) -> Response:
        files, mapping, replaces = _import_request(request)
        actor = actor_of(request)
        batch = import_stage(actor=actor, files=files, mapping=mapping, replaces=replaces)
        response = Response(body.Import(import_get(actor=actor, import_id=batch)).data, status=202)
        response["Location"] = f"/api/v1/imports/{batch}"
        return response


def _import_request(request: Request) -> tuple[list[Upload], JSON, UUID | None]:
    data = request.data
    if isinstance(data, bytes):
        replaces = _uuid(request.query_params.get("replaces"), "replaces")
        return [Upload(name="documents.json", media_type="application/json", data=data)], None, replaces
    uploads = data.getlist("files") if hasattr(data, "getlist") else []
    files = [
        Upload(name=upload.name or "unnamed", media_type=upload.content_type, data=upload.read())
        for upload in uploads
        if hasattr(upload, "read")
    ]
    if not files:
        raise WrongInput("Send at least one file, as a form field named files.", where="files")
    return files, _mapping(data.get("mapping")), _uuid(data.get("replaces"), "replaces")


def _mapping(text: object) -> JSON:
    if text is None:
        return None
    try:
        mapping: JSON = json.loads(text) if isinstance(text, str) and len(text) < 100_000 else None
    except (ValueError, RecursionError):
        mapping = None
    if not isinstance(mapping, dict):
        raise WrongInput("A mapping is a JSON object.", where="mapping")
    mapping_read(mapping)
    return mapping


class Import(APIView):
    @extend_schema(
        operation_id="imports_read",
        summary="How an import went, document by document",
        parameters=[
            OpenApiParameter("outcome", str, enum=body.OUTCOMES),
            OpenApiParameter("after", str, description="As the page before gave it."),
        ],
        responses={200: body.ImportWithItems, **errors(404)},
    )
    def get(self, request: Request, import_id: UUID) -> Response:
        outcome = request.query_params.get("outcome")
        if outcome is not None and outcome not in body.OUTCOMES:
            raise WrongInput(f"An outcome is one of {', '.join(body.OUTCOMES)}.", where="outcome")
        actor = actor_of(request)
        batch = import_get(actor=actor, import_id=import_id)
        items = import_items(
            actor=actor,
            import_id=import_id,
            outcome=outcome,  # type: ignore[arg-type]  # One of OUTCOMES.
            after=_position(request.query_params.get("after")),
            limit=ITEMS_PAGE + 1,
        )
        page = items[:ITEMS_PAGE]
        after = "{}.{}".format(*page[-1].position) if len(items) > ITEMS_PAGE else None
        content = dict(body.Import(batch).data)
        return Response(content | {"items": body.ImportItem(page, many=True).data, "after": after})


class Records(APIView):
    @extend_schema(
        operation_id="records_list",
        summary="The pool's records, newest first",
        description="To search by what a record says, use `records/search`: such values do not belong into an address.",
        parameters=[
            OpenApiParameter("kind", str),
            OpenApiParameter("state", str, enum=body.STATES),
            OpenApiParameter("before", int),
            OpenApiParameter("limit", int),
        ],
        responses={200: body.RecordPage, **errors(404)},
    )
    def get(self, request: Request) -> Response:
        for name in SEARCHED:
            if name in request.query_params:
                raise WrongInput(f"Search by {name} with POST /api/v1/records/search.", where=name)
        return _found(request, request.query_params.dict())


class RecordSearch(APIView):
    @extend_schema(
        operation_id="records_search",
        summary="Find records by what they say",
        request=body.Search,
        responses={200: body.RecordPage, **errors(404)},
    )
    def post(self, request: Request) -> Response:
        return _found(request, request.data)


def _found(request: Request, data: Any) -> Response:
    asked = checked(body.Search, data)
    limit, before = asked.pop("limit"), asked.pop("before", None)
    state = asked.pop("state", None)
    query = RecordQuery(life=Stage(state) if state else None, **asked)
    page = records_find(actor=actor_of(request), query=query, before=before, limit=limit)
    return Response(body.RecordPage(page).data)


class Record(APIView):
    @extend_schema(
        operation_id="records_read",
        summary="One record with all its fields, its life, its versions and who has seen what",
        responses={200: body.Record, **errors(404)},
    )
    def get(self, request: Request, record_id: UUID) -> Response:
        return Response(body.Record(record_get(actor=actor_of(request), record_id=record_id)).data)


class Original(APIView):
    @extend_schema(
        operation_id="records_original",
        summary="The file that the record was read from",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY, **errors(404)},
    )
    def get(self, request: Request, record_id: UUID) -> HttpResponse:
        file = original_get(actor=actor_of(request), record_id=record_id)
        return HttpResponse(file.data, content_type="application/octet-stream")


class Replacement(APIView):
    @extend_schema(
        operation_id="records_replace",
        summary="Declare this record the new version of another",
        request=body.Replacement,
        responses={204: None, **errors(403, 404, 409)},
    )
    def post(self, request: Request, record_id: UUID) -> Response:
        older = checked(body.Replacement, request.data)["replaces"]
        version_declare(actor=actor_of(request), newer=record_id, older=older)
        return Response(status=204)


class Disclosures(APIView):
    @extend_schema(
        operation_id="records_disclose",
        summary="Make a bundle that shows some fields, and put it into the recipient's inbox",
        description=(
            "The answer's body is the bundle itself, byte for byte: save it as it is. `Location` names it here. With "
            "the same `Idempotency-Key`, a repetition gives the same bundle and shares nothing again. Until the record "
            "is final the answer is 409 with the code `not_final_yet`."
        ),
        parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)],
        request=body.DisclosureRequest,
        responses={(201, "application/json"): OpenApiTypes.BINARY, **errors(403, 404, 409)},
    )
    def post(self, request: Request, record_id: UUID) -> HttpResponse:
        asked = checked(body.DisclosureRequest, request.data)
        share = record_share(
            actor=actor_of(request),
            record_id=record_id,
            names=asked["fields"],
            recipient=asked["recipient"],
            request=_request_id(request.headers.get("Idempotency-Key"), record_id),
        )
        response = _bundle_bytes(bytes(share.bundle), status=201)
        response["Location"] = f"/api/v1/bundles/{share.id}"
        return response


class Inbox(APIView):
    @extend_schema(
        operation_id="inbox_list",
        summary="Bundles received, newest first",
        parameters=[OpenApiParameter("before", str, description="As the page before gave it.")],
        responses={200: body.BundlePage, **errors()},
    )
    def get(self, request: Request) -> Response:
        before = _moment_and_id(request.query_params.get("before"))
        return _bundle_page(list(inbox_list(actor=actor_of(request), before=before)[: BUNDLES_PAGE + 1]), request)


class Given(APIView):
    @extend_schema(
        operation_id="given_list",
        summary="Bundles given to others, newest first",
        parameters=[OpenApiParameter("before", str, description="As the page before gave it.")],
        responses={200: body.BundlePage, **errors()},
    )
    def get(self, request: Request) -> Response:
        before = _moment_and_id(request.query_params.get("before"))
        return _bundle_page(list(sent_list(actor=actor_of(request), before=before)[: BUNDLES_PAGE + 1]), request)


def _bundle_page(rows: list[Any], request: Request) -> Response:
    page = rows[:BUNDLES_PAGE]
    more = len(rows) > BUNDLES_PAGE
    for share in page:  # One side of each is the asking organisation, which needs no query of its own.
        side = "recipient" if share.recipient_id == actor_of(request).organisation.pk else "sender"
        setattr(share, side, actor_of(request).organisation)
    before = f"{page[-1].created.isoformat()}_{page[-1].id}" if more else None
    return Response(body.BundlePage({"bundles": page, "before": before}).data)


class Bundle(APIView):
    @extend_schema(
        operation_id="bundles_read",
        summary="Who gave a bundle to whom, and when",
        responses={200: body.Bundle, **errors(404)},
    )
    def get(self, request: Request, share_id: UUID) -> Response:
        return Response(body.Bundle(share_get(actor=actor_of(request), share_id=share_id)).data)


class BundleFile(APIView):
    @extend_schema(
        operation_id="bundles_file",
        summary="The bundle itself, byte for byte",
        responses={**BYTES, **errors(404)},
    )
    def get(self, request: Request, share_id: UUID) -> HttpResponse:
        return _bundle_bytes(bytes(share_open(actor=actor_of(request), share_id=share_id).bundle))


class Verify(APIView):
    permission_classes: ClassVar = [AllowAny]
    parser_classes: ClassVar = [RawJSONParser]

    @extend_schema(
        operation_id="verify",
        summary="The verdict on a bundle, step by step",
        description="The body is the bundle, byte for byte. Nothing of it is kept. What is no bundle is `unreadable`.",
        request={"application/json": OpenApiTypes.OBJECT},
        responses={200: body.Verdict, **errors(413)},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        return Response(verdict_on(request.data).to_json())


class Policy(APIView):
    permission_classes: ClassVar = [AllowAny]

    @extend_schema(
        operation_id="policy",
        summary="The trust policy: what it takes, besides a bundle, to verify without this portal",
        responses={(200, "text/plain"): str, **errors()},
        auth=[],
    )
    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(network_file().policy().render(), content_type="text/plain; charset=utf-8")


class Evidence(APIView):
    @extend_schema(
        operation_id="evidence_deposit",
        summary="Deposit a file's fingerprint as evidence",
        description="The fingerprint stands on the shared chain for ever. Depositing it again changes nothing.",
        request=body.DepositRequest,
        responses={202: body.Deposit, **errors(403, 404, 503)},
    )
    def post(self, request: Request) -> Response:
        asked = checked(body.DepositRequest, request.data)
        actor = actor_of(request)
        if "record" in asked:
            deposit = original_deposit(actor=actor, record_id=asked["record"])
        else:
            deposit = evidence_deposit(actor=actor, digest=digest_read(asked["sha256"]))
        return Response(body.Deposit(deposit).data, status=202)


class EvidenceLookup(APIView):
    permission_classes: ClassVar = [AllowAny]

    @extend_schema(
        operation_id="evidence_lookup",
        summary="Whether, when and by whom a file was deposited",
        request=body.EvidenceQuestion,
        responses={200: body.EvidenceAnswer, **errors(503)},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        digest = digest_read(checked(body.EvidenceQuestion, request.data)["sha256"])
        answer = {"sha256": digest.hex(), "deposits": evidence_find(digest=digest)}
        return Response(body.EvidenceAnswer(answer).data)


class EvidenceProof(APIView):
    permission_classes: ClassVar = [AllowAny]

    @extend_schema(
        operation_id="evidence_proof",
        summary="The bundle that proves a deposit",
        request=body.EvidenceProofRequest,
        responses={**BYTES, **errors(404, 409, 503)},
        auth=[],
    )
    def post(self, request: Request) -> HttpResponse:
        asked = checked(body.EvidenceProofRequest, request.data)
        return _bundle_bytes(evidence_proof(digest=digest_read(asked["sha256"]), index=asked["index"]))


def _bundle_bytes(data: bytes, *, status: int = 200) -> HttpResponse:
    """Exactly these bytes: a renderer would write the same JSON in other letters, and no verifier would take it."""
    return HttpResponse(data, content_type="application/json", status=status)


def _uuid(text: object, where: str) -> UUID | None:
    if text in (None, ""):
        return None
    try:
        return UUID(str(text))
    except ValueError:
        raise WrongInput("This is not an id.", where=where) from None


def _position(text: str | None) -> Position | None:
    if text is None:
        return None
    position, _, part = text.partition(".")
    if not (position.isascii() and part.isascii() and position.isdecimal() and part.isdecimal()) or len(text) > 20:
        raise WrongInput("This is not where a page ended.", where="after")
    return int(position), int(part)


def _moment_and_id(text: str | None) -> tuple[datetime, UUID] | None:
    if text is None:
        return None
    created, _, share_id = text.replace(" ", "+").partition("_")
    try:
        when = datetime.fromisoformat(created)
        if when.tzinfo is not None:
            return when, UUID(share_id)
    except ValueError:
        pass
    raise WrongInput("This is not where a page ended.", where="before")


def _request_id(key: str | None, record_id: UUID) -> UUID:
    """A caller's own key, whatever it is, as the number of this request for this record."""
    if key is None:
        return uuid4()
    if not 1 <= len(key) <= 200 or any(unicodedata.category(letter) == "Cc" for letter in key):
        raise WrongInput("An Idempotency-Key has 1 to 200 printable characters.", where="Idempotency-Key")
    return uuid5(_IDEMPOTENCY, f"{record_id}\n{key}")
