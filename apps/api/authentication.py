"""Bearer tokens: who carries one acts for the token's organisation, in the token's role."""

from typing import TYPE_CHECKING

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.accounts.actor import Actor
from apps.accounts.models import ApiToken
from apps.accounts.roles import Role
from apps.accounts.selectors import token_find
from apps.accounts.services import token_used

if TYPE_CHECKING:  # The framework's views import this module by its settings: importing them here would be a circle.
    from rest_framework.views import APIView

SCHEME = "Bearer"


class Program:
    """What stands for a user: a program that has shown a token."""

    is_authenticated = True
    is_anonymous = False

    def __init__(self, token: ApiToken) -> None:
        self.token = token
        self.pk = token.pk


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer ts_...`; the actor is then the request's `auth`."""

    def authenticate(self, request: Request) -> tuple[Program, Actor] | None:
        scheme, _, text = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != SCHEME.lower():
            return None
        token = token_find(text=text.strip())
        if token is None:
            raise AuthenticationFailed("This token is unknown or was revoked.")
        token_used(token=token)
        actor = Actor(organisation=token.organisation, role=Role(token.role), name=f"token {token.label}")
        return Program(token), actor

    def authenticate_header(self, request: Request) -> str:
        return f'{SCHEME} realm="tallystick"'


class HasToken(BasePermission):
    message = "This takes a token: Authorization: Bearer ts_..."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return isinstance(request.auth, Actor)
