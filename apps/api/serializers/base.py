"""What all bodies share."""

from typing import Any

from rest_framework import serializers

from data_pool.documents.errors import show_name


class Answer(serializers.Serializer[Any]):
    """A body that goes out."""


class Body(serializers.Serializer[Any]):
    """A body, or a query, that comes in. A misspelt member is refused, not ignored."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = sorted(data.keys() - self.fields.keys())
            if unknown:
                raise serializers.ValidationError({show_name(unknown[0]): ["There is no such member here."]})
        return super().to_internal_value(data)


class ErrorDetail(Answer):
    code = serializers.CharField(help_text="For programs; stays the same.")
    message = serializers.CharField(help_text="For people.")
    where = serializers.CharField(required=False, help_text="Which member, line or column.")


class Error(Answer):
    error = ErrorDetail()
