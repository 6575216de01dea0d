"""What a validator answers to."""

from django.urls import include, path

urlpatterns = [path("", include("apps.validator.urls"))]
