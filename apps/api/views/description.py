"""The OpenAPI description of everything here."""

from functools import lru_cache

from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from rest_framework.request import Request

from apps.api.views.base import OpenView


class DescriptionView(OpenView):
    schema = None  # It is the description, and does not describe itself.

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(_description(), content_type=OpenApiJsonRenderer.media_type)


@lru_cache(maxsize=1)
def _description() -> bytes:
    """Made once per process: it takes half a second, and anybody may ask."""
    return OpenApiJsonRenderer().render(SchemaGenerator().get_schema(public=True))
