"""The settings hold what the pages promise."""

import importlib

import pytest
from django.conf import settings


def test_nothing_inline_or_foreign_is_allowed_on_a_page():
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    assert directives["default-src"] == ["'none'"]
    assert {source for sources in directives.values() for source in sources} == {"'none'", "'self'"}


def test_cookies_are_for_https_alone_where_the_portal_is_reached_by_https(monkeypatch):
    monkeypatch.setenv("PORTAL_URL", "https://portal.example")
    module = importlib.import_module("apps.config.settings.portal")
    try:
        reloaded = importlib.reload(module)
        assert reloaded.SESSION_COOKIE_SECURE
        assert reloaded.CSRF_COOKIE_SECURE
        assert reloaded.SECURE_HSTS_SECONDS > 0
    finally:
        monkeypatch.undo()
        importlib.reload(module)


@pytest.mark.parametrize(
    ("node", "apps"), [("beacon", ["apps.beacon", "apps.monitor"]), ("validator", ["apps.validator"])]
)
def test_beacon_and_validator_load_no_app_of_the_portal(node, apps, monkeypatch):
    monkeypatch.setenv("VALIDATOR_NAME", "meridian-bank")
    module = importlib.import_module(f"apps.config.settings.{node}")
    assert apps == module.INSTALLED_APPS
