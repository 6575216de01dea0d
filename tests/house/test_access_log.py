"""A request leaves its method, path and status in the log, and nothing that people typed."""

import logging

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from apps.config.access_log import AccessLog


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, logger="apps.config.access_log")
    return lambda: [record.getMessage() for record in caplog.records]


def answer(request, status=200):
    AccessLog(lambda _: HttpResponse(status=status))(request)


def test_query_and_body_are_left_out(lines):
    answer(RequestFactory().post("/records?text=canary", {"file": "canary"}))
    (line,) = lines()
    assert line.startswith("POST /records 200 ")
    assert "canary" not in line


def test_a_line_break_in_a_path_does_not_make_a_second_line(lines):
    request = RequestFactory().get("/")
    request.path = "/x\n2026-01-01 forged line"
    answer(request)
    assert "\n" not in lines()[0]


def test_a_healthy_healthz_is_quiet_and_a_failing_one_is_not(lines):
    answer(RequestFactory().get("/healthz"))
    assert lines() == []
    answer(RequestFactory().get("/healthz"), status=503)
    assert len(lines()) == 1
