"""Organisations, and the one that asks."""

from rest_framework import serializers

from apps.accounts.models import Organisation as OrganisationRow
from apps.accounts.roles import Role
from apps.api.serializers.base import Answer


class Organisation(Answer):
    name = serializers.CharField(help_text="Its name on the shared chain, too.")
    display_name = serializers.CharField()
    kind = serializers.ChoiceField(choices=OrganisationRow.Kind.choices)


class Organisations(Answer):
    items = Organisation(many=True)


class Token(Answer):
    label = serializers.CharField()
    created = serializers.DateTimeField()


class Me(Answer):
    organisation = Organisation()
    pool = serializers.CharField(source="organisation.pool", allow_null=True, help_text="null: keeps no records here.")
    role = serializers.ChoiceField(choices=Role.choices)
    token = Token()
