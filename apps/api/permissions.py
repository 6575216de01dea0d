"""Whether a request may come in at all. What its token may do then is decided by the services."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class HasToken(BasePermission):
    def has_permission(self, request: Request, view: object) -> bool:
        return request.auth is not None
