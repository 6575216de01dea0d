"""What goes in and comes out, as it stands in the OpenAPI description."""

from typing import Any

from rest_framework import serializers

from data_pool.documents.document import KINDS
from data_pool.life import Stage

STATES = [stage.value for stage in Stage]
OUTCOMES = ["accepted", "duplicate", "refused", "pending"]
PAGE_LIMIT = 200


class Plain(serializers.Serializer[Any]):
    """A body of which every member is known: a misspelt one is refused, not ignored."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = sorted(str(name) for name in data.keys() - self.fields.keys())
            if unknown:
                raise serializers.ValidationError({unknown[0][:100]: ["This is not known here."]})
        return super().to_internal_value(data)


class ErrorDetail(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="For programs; stays the same.")
    message = serializers.CharField(help_text="For people.")
    where = serializers.CharField(required=False, help_text="Which member, line or column.")


class ErrorBody(serializers.Serializer[Any]):
    error = ErrorDetail()


# Imports


class ImportFiles(serializers.Serializer[Any]):
    files = serializers.ListField(child=serializers.FileField())
    mapping = serializers.CharField(
        required=False, help_text="For tables whose headers are not known: a column mapping, as JSON text."
    )
    replaces = serializers.UUIDField(required=False, help_text="The record that the one document replaces.")


class Import(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    created = serializers.DateTimeField()
    by = serializers.CharField()
    files = serializers.IntegerField(source="total")
    pending = serializers.IntegerField(help_text="Files not read to their end.")
    accepted = serializers.IntegerField(help_text="Documents.")
    duplicates = serializers.IntegerField()
    refused = serializers.IntegerField()
    done = serializers.BooleanField()


class ImportPage(serializers.Serializer[Any]):
    imports = Import(many=True)
    before = serializers.UUIDField(allow_null=True, help_text="To read on; null at the end.")


class ImportItem(serializers.Serializer[Any]):
    file = serializers.CharField(source="name")
    outcome = serializers.ChoiceField(choices=OUTCOMES)
    record = serializers.UUIDField(source="record_id", allow_null=True)
    reason = serializers.CharField()
    where = serializers.CharField()


class ImportWithItems(Import):
    items = ImportItem(many=True)
    after = serializers.CharField(allow_null=True, help_text="To read on; null at the end.")


# Records


class Search(Plain):
    text = serializers.CharField(required=False, max_length=200)
    number = serializers.CharField(required=False, max_length=200)
    partner = serializers.CharField(required=False, max_length=200)
    amount = serializers.IntegerField(
        required=False, min_value=-(2**53), max_value=2**53, help_text="Payable, in minor units."
    )
    date_from = serializers.DateField(required=False)
    date_to = serializers.DateField(required=False)
    kind = serializers.ChoiceField(required=False, choices=sorted(KINDS))
    state = serializers.ChoiceField(required=False, choices=STATES)
    before = serializers.IntegerField(required=False, min_value=0, max_value=2**53)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=PAGE_LIMIT, default=50)


class RecordSummary(serializers.Serializer[Any]):
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
    flagged = serializers.BooleanField(help_text="Another document has the same seller and number.")


class RecordPage(serializers.Serializer[Any]):
    records = RecordSummary(many=True, source="items")
    before = serializers.IntegerField(
        allow_null=True, source="next", help_text="Give this to read on; null at the end."
    )
    total = serializers.IntegerField()
    more = serializers.BooleanField(help_text="There are more than `total`.")


class RecordLife(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=STATES, source="stage")
    stored = serializers.DateTimeField()
    sealed = serializers.DateTimeField(allow_null=True)
    anchored = serializers.DateTimeField(allow_null=True)
    final = serializers.DateTimeField(allow_null=True)


class DisclosureMade(serializers.Serializer[Any]):
    created = serializers.DateTimeField()
    by = serializers.CharField()
    recipient = serializers.CharField()
    fields_ = serializers.ListField(child=serializers.CharField(), source="names")

    def get_fields(self) -> dict[str, Any]:
        """`fields` is taken on a serializer, so it is named here."""
        declared = super().get_fields()
        declared["fields"] = declared.pop("fields_")
        return declared


class Record(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    created = serializers.DateTimeField()
    index = serializers.IntegerField(help_text="Its entry in the pool's log.")
    life = RecordLife()
    replaces = serializers.UUIDField(allow_null=True)
    superseded_by = serializers.UUIDField(allow_null=True)
    versions = serializers.ListField(child=serializers.UUIDField())
    twins = serializers.ListField(child=serializers.UUIDField())
    original_name = serializers.CharField()
    original_size = serializers.IntegerField()
    disclosures = DisclosureMade(many=True)
    fields_ = serializers.DictField(child=serializers.JSONField(), help_text="By dotted name.")

    def get_fields(self) -> dict[str, Any]:
        """`fields` is taken on a serializer, so it is named here."""
        declared = super().get_fields()
        declared["fields"] = declared.pop("fields_")
        return declared


class Replacement(Plain):
    replaces = serializers.UUIDField()


# Between organisations


class DisclosureRequest(Plain):
    recipient = serializers.CharField(max_length=63, help_text="The organisation's name, such as meridian-bank.")
    fields_ = serializers.ListField(child=serializers.CharField(max_length=500), min_length=1, max_length=20_000)

    def get_fields(self) -> dict[str, Any]:
        """`fields` is taken on a serializer, so it is named here."""
        declared = super().get_fields()
        declared["fields"] = declared.pop("fields_")
        return declared


class Bundle(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    sender = serializers.CharField(source="sender.name")
    recipient = serializers.CharField(source="recipient.name")
    created = serializers.DateTimeField()
    opened = serializers.DateTimeField(allow_null=True)


class BundlePage(serializers.Serializer[Any]):
    bundles = Bundle(many=True)
    before = serializers.CharField(allow_null=True, help_text="To read on; null at the end.")


class Step(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    title = serializers.CharField()
    outcome = serializers.ChoiceField(choices=["passed", "failed", "not reached"])
    detail = serializers.CharField()


class Verdict(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(choices=["verified", "refuted"])
    kind = serializers.CharField()
    sentence = serializers.CharField()
    failed_step = serializers.IntegerField(allow_null=True)
    steps = Step(many=True)
    shows = serializers.DictField(child=serializers.JSONField(), allow_null=True)
    does_not_show = serializers.ListField(child=serializers.CharField(), allow_null=True)


class EvidenceQuestion(Plain):
    sha256 = serializers.CharField(max_length=200)


class EvidenceProofRequest(EvidenceQuestion):
    index = serializers.IntegerField(min_value=0, max_value=2**53)


class DepositRequest(Plain):
    sha256 = serializers.CharField(max_length=200, required=False)
    record = serializers.UUIDField(required=False, help_text="Deposit this record's original file.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError("Give either sha256 or record.")
        return attrs


class Deposit(serializers.Serializer[Any]):
    sha256 = serializers.SerializerMethodField()
    member = serializers.CharField(source="organisation.name")
    created = serializers.DateTimeField()

    def get_sha256(self, deposit: Any) -> str:
        return bytes(deposit.digest).hex()


class Finding(serializers.Serializer[Any]):
    member = serializers.CharField()
    display_name = serializers.CharField()
    index = serializers.IntegerField(help_text="The entry on the shared chain.")
    block = serializers.IntegerField()
    time = serializers.DateTimeField(help_text="By the chain's own word; the proof says by when validators had signed.")
    final = serializers.BooleanField()


class EvidenceAnswer(serializers.Serializer[Any]):
    sha256 = serializers.CharField()
    deposits = Finding(many=True)
