"""Disclosures of a record: asked for, and made."""

from rest_framework import serializers

from apps.api.serializers.base import Answer, Body
from audit_chain.records.fields import MAX_FIELDS, MAX_NAME_LENGTH


class Disclose(Body):
    fields = serializers.ListField(
        child=serializers.CharField(max_length=MAX_NAME_LENGTH, trim_whitespace=False),
        min_length=1,
        max_length=MAX_FIELDS,
    )
    recipient = serializers.CharField(
        allow_null=True, max_length=63, help_text="The organisation that finds it in its inbox; null: nobody does."
    )


class Disclosure(Answer):
    id = serializers.UUIDField()
    created = serializers.DateTimeField()
    by = serializers.CharField()
    recipient = serializers.CharField()
    fields = serializers.ListField(child=serializers.CharField(), source="names")


class Disclosures(Answer):
    items = Disclosure(many=True)
