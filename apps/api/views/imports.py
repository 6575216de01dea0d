"""Imports: documents in, and what became of each."""

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.paging import PAGE, PageQuery, cursor_read, page_cut
from apps.api.parsers import MultiPartParser, RawJSONParser, json_read
from apps.api.serializers.imports import Import, ImportForm, ImportQuery, Imports, ImportWithItems, ItemQuery, Items
from apps.api.views.base import MemberView
from apps.exchange.imports import import_get, import_items, import_stage, imports_list
from apps.exchange.tables import mapping_read
from audit_chain.canonical import JSON
from data_pool.imports import Batch, Item, Position
from data_pool.staging import Upload


class ImportsView(MemberView):
    parser_classes: ClassVar = [MultiPartParser, RawJSONParser]
    body_limit = settings.MAX_FILE_BYTES  # A body is one file.

    @extend_schema(
        operation_id="imports_list",
        summary="The pool's imports, newest first",
        parameters=[PageQuery],
        responses=Imports,
    )
    def get(self, request: Request) -> Response:
        asked = self.read_query(PageQuery)
        limit, before = asked["limit"], cursor_read(asked, UUID)
        batches = imports_list(actor=self.actor, limit=limit + 1, before=before)
        return Response(Imports(page_cut(batches, limit, _place_of_batch)).data)

    @extend_schema(
        operation_id="imports_create",
        summary="Bring documents in",
        description="Files as a form, or one JSON document, or an array of them, as the body. Once this answers, "
        "everything is kept; it is read in the background. A document that is there already changes nothing.",
        parameters=[ImportQuery],
        request={"multipart/form-data": ImportForm, "application/json": OpenApiTypes.OBJECT},
        responses={202: Import},
    )
    def post(self, request: Request) -> Response:
        if isinstance(request.data, bytes):
            json_read(request.data)  # What is no JSON at all is refused here and now.
            asked = self.read_query(ImportQuery)
            files = [Upload(name="body.json", media_type="application/json", data=request.data)]
        else:
            asked = self.read_body(ImportForm)
            files = [_upload(file) for file in asked["files"]]
        import_id = import_stage(
            actor=self.actor, files=files, mapping=_mapping(asked.get("mapping")), replaces=asked.get("replaces")
        )
        batch = import_get(actor=self.actor, import_id=import_id)
        return Response(Import(batch).data, status=202, headers={"Location": f"/api/v1/imports/{import_id}"})


class ImportView(MemberView):
    @extend_schema(
        operation_id="imports_read", summary="How an import goes, and its first items", responses=ImportWithItems
    )
    def get(self, request: Request, import_id: UUID) -> Response:
        batch = import_get(actor=self.actor, import_id=import_id)
        items = import_items(actor=self.actor, import_id=import_id, limit=PAGE + 1)
        return Response({**Import(batch).data, **Items(page_cut(items, PAGE, _place_of_item)).data})


class ItemsView(MemberView):
    @extend_schema(
        operation_id="imports_items",
        summary="What became of each document, in the order in which they came in",
        parameters=[ItemQuery],
        responses=Items,
    )
    def get(self, request: Request, import_id: UUID) -> Response:
        asked = self.read_query(ItemQuery)
        limit, after = asked["limit"], cursor_read(asked, _position)
        import_get(actor=self.actor, import_id=import_id)  # An import that is not there has no items: NotFound.
        items = import_items(
            actor=self.actor, import_id=import_id, outcome=asked.get("outcome"), after=after, limit=limit + 1
        )
        return Response(Items(page_cut(items, limit, _place_of_item)).data)


def _upload(file: Any) -> Upload:
    return Upload(name=file.name, media_type=file.content_type, data=file.read())


def _mapping(text: str | None) -> JSON:
    if text is None:
        return None
    mapping = json_read(text.encode(), where="mapping")
    mapping_read(mapping)
    return mapping


def _place_of_batch(batch: Batch) -> str:
    return str(batch.id)


def _place_of_item(item: Item) -> str:
    return "{}.{}".format(*item.position)


def _position(text: str) -> Position:
    position, _, part = text.partition(".")
    return _count(position), _count(part)


def _count(digits: str) -> int:
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 9):
        raise ValueError
    return int(digits)
