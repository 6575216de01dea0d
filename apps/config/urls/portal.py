"""What the portal answers to."""

from django.urls import include, path

from apps.api import handlers
from apps.config.health import healthz

urlpatterns = [
    path("healthz", healthz),
    path("api/v1/", include("apps.api.urls")),
    path("", include("apps.portal.urls")),
]

handler400 = handlers.bad_request
handler404 = handlers.not_found
handler500 = handlers.failed
