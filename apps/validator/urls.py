"""A validator's paths: C2SP tlog-witness, and the node itself."""

from django.urls import path, re_path

from apps.validator import views

urlpatterns = [
    path("add-checkpoint", views.add_checkpoint),
    re_path(r"^(?P<origin_hash>[0-9a-f]{64})/checkpoint$", views.checkpoint),
    path("healthz", views.healthz),
    path("status", views.status),
    re_path(r"", views.nothing_here),
]
