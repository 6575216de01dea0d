"""What the beacon answers to."""

from django.urls import include, path

urlpatterns = [path("", include("apps.beacon.urls"))]
