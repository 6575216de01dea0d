"""A failure leaves its place in the log, and no value."""

import io
import logging

import pytest

from apps.config.log_lines import PlaceFormatter, WithoutTaskMessage


@pytest.fixture
def log():
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(PlaceFormatter("{message}", style="{"))
    logger = logging.Logger("test")  # noqa: LOG001 - one of its own, which no other test sees
    logger.addHandler(handler)
    logger.output = output.getvalue
    return logger


def fail():
    try:
        int("canary")
    except ValueError as error:
        raise LookupError("canary") from error


def test_an_exception_is_told_by_type_and_place_with_its_cause(log):
    try:
        fail()
    except LookupError:
        log.exception("something failed")
    text = log.output()
    assert "LookupError" in text
    assert "ValueError" in text
    assert "in fail" in text
    assert "something failed" in text
    assert text.count("canary") == text.count('("canary")')  # the lines of code, which are not secret


def test_a_failed_task_is_told_by_its_name(log):
    log.addFilter(WithoutTaskMessage())
    try:
        fail()
    except LookupError:
        log.error("Task %(name)s raised %(exc)s", {"name": "sweep", "exc": "canary"}, exc_info=True)  # noqa: G201 - as Celery does
    assert log.output().startswith("task sweep failed\n")
