"""How often one caller may ask: counted by token, and by network address for those without one."""

from typing import TYPE_CHECKING

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from apps.api.authentication import Program

if TYPE_CHECKING:  # The framework's views import this module by its settings: importing them here would be a circle.
    from rest_framework.views import APIView


class TokenThrottle(SimpleRateThrottle):
    scope = "token"

    def get_cache_key(self, request: Request, view: "APIView") -> str | None:
        if not isinstance(request.user, Program):
            return None
        return self.cache_format % {"scope": self.scope, "ident": request.user.pk}


class StrangerThrottle(SimpleRateThrottle):
    scope = "stranger"

    def get_cache_key(self, request: Request, view: "APIView") -> str | None:
        if isinstance(request.user, Program):
            return None
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}
