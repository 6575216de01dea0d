"""Who asks: the organisation and role of the token in `Authorization: Bearer ts_...`."""

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.accounts.actor import Actor
from apps.accounts.models import ApiToken
from apps.accounts.roles import Role
from apps.accounts.selectors import token_find
from apps.accounts.services import token_used

SCHEME = "Bearer"


class TokenAuthentication(BaseAuthentication):
    """Puts an Actor into `request.user` and the token into `request.auth`. A page's cookies mean nothing here."""

    def authenticate(self, request: Request) -> tuple[Actor, ApiToken] | None:
        scheme, _, text = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != SCHEME.lower():
            return None
        token = token_find(text=text.strip())
        if token is None:
            raise AuthenticationFailed("This token is unknown or was revoked.", code="unknown_token")
        token_used(token=token)
        return Actor(organisation=token.organisation, role=Role(token.role), name=f"token {token.label}"), token

    def authenticate_header(self, request: Request) -> str:
        return SCHEME
