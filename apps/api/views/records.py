"""Records of the organisation's own pool."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.actor import Actor
from apps.api.downloads import download
from apps.api.paging import PageQuery, cursor_read
from apps.api.serializers.chain import OwnPool
from apps.api.serializers.records import Record, Records, RecordSearch, Replacement
from apps.api.views.base import MemberView
from apps.exchange.records import original_get, pool_status, record_get, records_find, version_declare
from audit_chain.canonical import MAX_INTEGER
from data_pool.life import Stage
from data_pool.search import RecordQuery

SEARCHED = ("text", "number", "partner", "amount", "date_from", "date_to", "kind")


class PoolView(MemberView):
    @extend_schema(operation_id="pool", summary="How far the organisation's own pool has come", responses=OwnPool)
    def get(self, request: Request) -> Response:
        status = pool_status(actor=self.actor)
        return Response(OwnPool({"name": self.actor.organisation.pool, "status": status}).data)


class RecordsView(MemberView):
    @extend_schema(
        operation_id="records_list",
        summary="The pool's records, newest first",
        description="To look for something, use `records/search`: what records say does not belong into an address.",
        parameters=[PageQuery],
        responses=Records,
    )
    def get(self, request: Request) -> Response:
        asked = self.read_query(PageQuery)
        return Response(_page(self.actor, RecordQuery(), asked))


class RecordSearchView(MemberView):
    @extend_schema(
        operation_id="records_search", summary="Find records by what they say", request=RecordSearch, responses=Records
    )
    def post(self, request: Request) -> Response:
        asked = self.read_body(RecordSearch)
        state = asked.get("state")
        query = RecordQuery(
            life=Stage(state) if state else None, **{name: asked[name] for name in SEARCHED if name in asked}
        )
        return Response(_page(self.actor, query, asked))


class RecordView(MemberView):
    @extend_schema(
        operation_id="records_read", summary="A record: its fields, its life, its versions", responses=Record
    )
    def get(self, request: Request, record_id: UUID) -> Response:
        return Response(Record(record_get(actor=self.actor, record_id=record_id)).data)


class OriginalView(MemberView):
    @extend_schema(
        operation_id="records_original",
        summary="The file that the record was read from, as it came",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, record_id: UUID) -> HttpResponse:
        file = original_get(actor=self.actor, record_id=record_id)
        return download(file.data, name=file.name)


class ReplacementView(MemberView):
    @extend_schema(
        operation_id="records_replace",
        summary="Declare the record the new version of an older one",
        description="This stands in the pool's log and cannot be taken back.",
        request=Replacement,
        responses={204: None},
    )
    def post(self, request: Request, record_id: UUID) -> Response:
        older = self.read_body(Replacement)["replaces"]
        version_declare(actor=self.actor, newer=record_id, older=older)
        return Response(status=204)


def _page(actor: Actor, query: RecordQuery, asked: dict[str, Any]) -> dict[str, Any]:
    before = cursor_read(asked, _index)
    return Records(records_find(actor=actor, query=query, before=before, limit=asked["limit"])).data


def _index(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_INTEGER))):
        raise ValueError
    return int(text)
