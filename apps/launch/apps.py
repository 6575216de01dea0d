"""The launcher as a Django app, for its management command."""

from django.apps import AppConfig


class LaunchConfig(AppConfig):
    name = "apps.launch"
