"""Configuration as a Django app: it binds the shared tasks to the Celery application."""

from importlib import import_module

from django.apps import AppConfig


class Config(AppConfig):
    name = "apps.config"

    def ready(self) -> None:
        import_module("apps.config.celery")
