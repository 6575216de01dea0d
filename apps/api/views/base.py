"""What all views share."""

from typing import Any, ClassVar

from django.http import HttpResponseBase
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from apps.accounts.actor import Actor
from apps.accounts.errors import NotFound
from apps.api.permissions import HasToken

MEBIBYTE = 1024 * 1024


class OpenView(APIView):
    """Answers anybody."""

    http_method_names: ClassVar = ["get", "head", "post"]
    permission_classes: ClassVar = [AllowAny]
    body_limit = MEBIBYTE  # bytes of JSON

    def perform_authentication(self, request: Request) -> None:
        try:
            super().perform_authentication(request)
        except AuthenticationFailed:
            self.check_throttles(request)  # Whoever tries tokens is counted by address.
            raise

    def finalize_response(self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any) -> Any:
        response["Cache-Control"] = "no-store"
        return super().finalize_response(request, response, *args, **kwargs)

    def read_body(self, kind: type[Serializer[Any]]) -> dict[str, Any]:
        return _checked(kind, self.request.data)

    def read_query(self, kind: type[Serializer[Any]]) -> dict[str, Any]:
        return _checked(kind, self.request.query_params)


class MemberView(OpenView):
    """Answers tokens of an organisation."""

    permission_classes: ClassVar = [HasToken]

    @property
    def actor(self) -> Actor:
        return self.request.user


class NothingHere(OpenView):
    """Every other address under /api/v1/."""

    http_method_names: ClassVar = ["get", "head", "post", "put", "patch", "delete"]
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound("There is nothing at this address. /api/v1/schema/ tells what there is.")


def _checked(kind: type[Serializer[Any]], data: Any) -> dict[str, Any]:
    serializer = kind(data=data)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data
