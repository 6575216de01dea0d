"""The OpenAPI description of everything here."""

from drf_spectacular.views import SpectacularJSONAPIView

from apps.api.views.base import OpenView


class DescriptionView(OpenView, SpectacularJSONAPIView):
    """For anybody."""
