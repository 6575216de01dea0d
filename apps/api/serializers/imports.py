"""Imports: files on their way in, and what became of each document."""

from typing import get_args

from rest_framework import serializers

from apps.api.paging import PageQuery
from apps.api.serializers.base import Answer, Body
from data_pool.imports import Item as ItemRead
from data_pool.storage.rows import OutcomeKind

OUTCOMES = (*get_args(OutcomeKind), "pending")


class ImportQuery(Body):
    """Of an import whose body is a document."""

    replaces = serializers.UUIDField(required=False, help_text="The record that the one document replaces.")


class ImportForm(ImportQuery):
    files = serializers.ListField(child=serializers.FileField(allow_empty_file=True, max_length=None), min_length=1)
    mapping = serializers.CharField(
        required=False, help_text="For tables with headers of their own: which column is which field, as JSON."
    )


class Import(Answer):
    id = serializers.UUIDField()
    created = serializers.DateTimeField()
    by = serializers.CharField()
    files = serializers.IntegerField(source="total")
    pending = serializers.IntegerField(help_text="Files that are not read to their end yet.")
    accepted = serializers.IntegerField(help_text="Documents that have become records.")
    duplicates = serializers.IntegerField(help_text="Documents that were there before.")
    refused = serializers.IntegerField(help_text="Documents, or whole files, that could not be taken.")
    done = serializers.BooleanField()


class Imports(Answer):
    items = Import(many=True)
    next = serializers.CharField(allow_null=True)


class ItemQuery(PageQuery):
    outcome = serializers.ChoiceField(choices=OUTCOMES, required=False)


class Item(Answer):
    file = serializers.SerializerMethodField(help_text="Which file of the import, from 0.")
    document = serializers.SerializerMethodField(help_text="Which document of the file, from 0.")
    name = serializers.CharField(help_text="The file's.")
    outcome = serializers.ChoiceField(choices=OUTCOMES)
    record = serializers.UUIDField(source="record_id", allow_null=True)
    reason = serializers.CharField(help_text="Why it was refused; else empty.")
    where = serializers.CharField(help_text="Where in the file; empty where nowhere in particular.")

    def get_file(self, item: ItemRead) -> int:
        return item.position[0]

    def get_document(self, item: ItemRead) -> int:
        return item.position[1]


class Items(Answer):
    items = Item(many=True)
    next = serializers.CharField(allow_null=True)


class ImportWithItems(Import, Items):
    """The import and the first page of its items."""
