"""How the OpenAPI description tells of tokens."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from apps.api.authentication import TokenAuthentication


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token of the organisation, made by an owner."}
