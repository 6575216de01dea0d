"""Records: searched, listed, read, replaced."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.api.paging import PageQuery
from apps.api.serializers.base import Answer, Body
from audit_chain.canonical import MAX_INTEGER
from data_pool.documents.document import KINDS
from data_pool.life import Stage

STATES = [stage.value for stage in Stage]


class RecordSearch(PageQuery):
    """All that is given has to be so."""

    text = serializers.CharField(
        required=False, max_length=200, help_text="Words: of a number, a partner, a file's digest; or a record's id."
    )
    number = serializers.CharField(required=False, max_length=200)
    partner = serializers.CharField(required=False, max_length=200, help_text="Words of a name, or an identifier.")
    amount = serializers.IntegerField(
        required=False, min_value=-MAX_INTEGER, max_value=MAX_INTEGER, help_text="Payable, in minor units."
    )
    date_from = serializers.DateField(required=False, help_text="Of issue.")
    date_to = serializers.DateField(required=False)
    kind = serializers.ChoiceField(required=False, choices=sorted(KINDS))
    state = serializers.ChoiceField(required=False, choices=STATES)


class RecordSummary(Answer):
    id = serializers.UUIDField()
    created = serializers.DateTimeField()
    kind = serializers.CharField()
    number = serializers.CharField()
    seller = serializers.CharField()
    buyer = serializers.CharField()
    issue_date = serializers.CharField()
    amount = serializers.IntegerField(allow_null=True, help_text="Payable, in minor units of the currency.")
    currency = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES, source="life")
    superseded = serializers.BooleanField()
    flagged = serializers.BooleanField(help_text="Another record has the same seller and number.")


class Records(Answer):
    items = RecordSummary(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField()
    more = serializers.BooleanField(help_text="There are more than `total`.")


class Life(Answer):
    """How far the record has come, and when it got there."""

    state = serializers.ChoiceField(choices=STATES, source="stage")
    stored = serializers.DateTimeField()
    sealed = serializers.DateTimeField(allow_null=True)
    anchored = serializers.DateTimeField(allow_null=True)
    final = serializers.DateTimeField(allow_null=True)


class Original(Answer):
    name = serializers.CharField(source="original_name")
    size = serializers.IntegerField(source="original_size", help_text="Bytes.")


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}], "nullable": True})
class Value(serializers.JSONField):
    """What a field holds."""


class Record(Answer):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    created = serializers.DateTimeField()
    index = serializers.IntegerField(help_text="Its entry in the pool's log.")
    life = Life()
    replaces = serializers.UUIDField(allow_null=True)
    superseded_by = serializers.UUIDField(allow_null=True)
    versions = serializers.ListField(child=serializers.UUIDField(), help_text="Oldest first, this one among them.")
    twins = serializers.ListField(
        child=serializers.UUIDField(), help_text="Other records with the same seller and number."
    )
    original = Original(source="*")
    fields = serializers.DictField(child=Value(), help_text="By dotted name. Money is in minor units of its currency.")


class Replacement(Body):
    replaces = serializers.UUIDField(help_text="The older record.")
