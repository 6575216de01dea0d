"""Bundles between organisations: received, given, read; and the verdict on any bundle."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.errors import WrongInput
from apps.api.downloads import download_bundle
from apps.api.paging import PageQuery, cursor_read, page_cut
from apps.api.parsers import MultiPartParser, RawJSONParser
from apps.api.serializers.bundles import Bundle, Bundles, BundleWithVerdict, Verdict, VerifyForm
from apps.api.views.base import MemberView, OpenView
from apps.exchange.evidence import digest_read
from apps.exchange.models import Share
from apps.exchange.network import verdict_on
from apps.exchange.selectors import inbox_list, sent_list, share_get
from apps.exchange.services import share_open
from audit_chain.canonical import JSON
from audit_chain.proof.bundle import MAX_BUNDLE_SIZE

MOMENT = "%Y%m%dT%H%M%S.%f"  # of UTC, to the microsecond, as the database keeps it


class InboxView(MemberView):
    @extend_schema(
        operation_id="inbox_list", summary="Bundles received, newest first", parameters=[PageQuery], responses=Bundles
    )
    def get(self, request: Request) -> Response:
        return self.answer_page(inbox_list)

    def answer_page(self, select: Callable[..., QuerySet[Share]]) -> Response:
        asked = self.read_query(PageQuery)
        limit, before = asked["limit"], cursor_read(asked, _moment_and_id)
        shares = select(actor=self.actor, before=before).select_related("sender", "recipient")
        return Response(Bundles(page_cut(list(shares[: limit + 1]), limit, _place)).data)


class GivenView(InboxView):
    @extend_schema(
        operation_id="given_list", summary="Bundles given, newest first", parameters=[PageQuery], responses=Bundles
    )
    def get(self, request: Request) -> Response:
        return self.answer_page(sent_list)


class BundleView(MemberView):
    @extend_schema(
        operation_id="bundles_read",
        summary="A bundle's way, and the verdict on it as of now",
        responses=BundleWithVerdict,
    )
    def get(self, request: Request, share_id: UUID) -> Response:
        share = share_open(actor=self.actor, share_id=share_id)
        return Response(Bundle(share).data | {"verdict": _verdict_or_none(bytes(share.bundle))})


class BundleFileView(MemberView):
    @extend_schema(
        operation_id="bundles_file",
        summary="The bundle itself, byte for byte",
        responses={(200, "application/json"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, share_id: UUID) -> HttpResponse:
        share = share_get(actor=self.actor, share_id=share_id)
        return download_bundle(bytes(share.bundle), name=f"proof-{share.created:%Y-%m-%d}-{str(share.id)[:8]}.json")


class VerifyView(OpenView):
    parser_classes: ClassVar = [RawJSONParser, MultiPartParser]
    body_limit = MAX_BUNDLE_SIZE

    @extend_schema(
        operation_id="verify",
        summary="The verdict on a bundle, step by step",
        description="The body is the bundle, byte for byte, or a form with it. Nothing of it is kept. A bundle that is "
        "refuted gets its verdict; what is no bundle at all gets 400.",
        request={"application/json": OpenApiTypes.OBJECT, "multipart/form-data": VerifyForm},
        responses=Verdict,
    )
    def post(self, request: Request) -> Response:
        if isinstance(request.data, bytes):
            return Response(verdict_on(request.data).to_json())
        asked = self.read_body(VerifyForm)
        digest = digest_read(asked["sha256"]) if "sha256" in asked else None
        return Response(verdict_on(asked["bundle"].read(), file_digest=digest).to_json())


def _verdict_or_none(bundle: bytes) -> dict[str, JSON] | None:
    try:
        return verdict_on(bundle).to_json()
    except WrongInput:
        return None


def _place(share: Share) -> str:
    return f"{share.created.astimezone(UTC).strftime(MOMENT)}_{share.id}"


def _moment_and_id(text: str) -> tuple[datetime, UUID]:
    created, _, share_id = text.partition("_")
    return datetime.strptime(created, MOMENT).replace(tzinfo=UTC), UUID(share_id)
