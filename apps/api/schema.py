"""What the OpenAPI description tells beyond the views: how a token is shown, and what every failure looks like."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse

from apps.api.authentication import TokenAuthentication
from apps.api.serializers.base import Error


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token of the organisation, made by an owner."}


class Schema(AutoSchema):
    """Adds the one shape of errors to every operation. Docstrings are for us."""

    def get_description(self) -> str:
        return ""

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        failure = OpenApiResponse(Error, description="Any failure: 400, 401, 403, 404, 409, 413, 415, 429, 5xx.")
        bodies = super()._get_response_bodies(direction)
        return bodies | {"default": self._get_response_for_code(failure, "default", direction=direction)}
