"""Disclosures: a record's chosen fields handed over with proof, and who has seen what."""

from uuid import UUID, uuid4, uuid5

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.errors import WrongInput
from apps.api.downloads import download_bundle
from apps.api.serializers.disclosures import Disclose, Disclosures
from apps.api.views.base import MemberView
from apps.exchange.records import record_disclose, record_get, record_share

REQUESTS = UUID("3c5df0a8-5d3a-4c6b-9a53-0b1d7f0c2a11")
"""Name space of callers' own keys."""


class DisclosuresView(MemberView):
    @extend_schema(
        operation_id="disclosures_list",
        summary="Who was given which fields, and when, oldest first",
        description="A bundle that was made for nobody's inbox has the organisation's own name as its recipient.",
        responses=Disclosures,
    )
    def get(self, request: Request, record_id: UUID) -> Response:
        return Response(Disclosures({"items": record_get(actor=self.actor, record_id=record_id).disclosures}).data)

    @extend_schema(
        operation_id="disclosures_create",
        summary="Make a bundle that shows chosen fields",
        description="The answer's body is the bundle: save it byte for byte. A recipient finds it in its inbox, and "
        "`Location` names it. With an `Idempotency-Key`, a repetition answers with the first request's bundle and "
        "shares nothing again. Before the record is final the answer is 409, `not_final_yet`.",
        parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)],
        request=Disclose,
        responses={(201, "application/json"): OpenApiTypes.BINARY},
    )
    def post(self, request: Request, record_id: UUID) -> HttpResponse:
        asked = self.read_body(Disclose)
        names, recipient = asked["fields"], asked["recipient"]
        name = f"proof-{str(record_id)[:8]}.json"
        if recipient is None:
            bundle = record_disclose(actor=self.actor, record_id=record_id, names=names)
            return download_bundle(bundle, name=name, status=201)
        share = record_share(
            actor=self.actor,
            record_id=record_id,
            names=names,
            recipient=recipient,
            request=_request_id(request.headers.get("Idempotency-Key"), record_id),
        )
        response = download_bundle(bytes(share.bundle), name=name, status=201)
        response["Location"] = f"/api/v1/bundles/{share.id}"
        return response


def _request_id(key: str | None, record_id: UUID) -> UUID:
    """The number of this request: any key of the caller's own, for this record."""
    if key is None:
        return uuid4()
    if not 1 <= len(key) <= 200:
        raise WrongInput("An Idempotency-Key has 1 to 200 characters.", where="Idempotency-Key")
    return uuid5(REQUESTS, f"{record_id}\n{key}")
