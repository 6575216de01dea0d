"""Log lines that tell where something failed, and never with which values.

The message of an exception may repeat a field, a file name or a row; its type and the lines of code it came through
do not.
"""

import logging
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import TypeAlias

_ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class PlaceFormatter(logging.Formatter):
    """Formats an exception, and those it came from, as frames and types."""

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 - the base class's name
        return "\n".join(_places(ei[1]))


class WithoutTaskMessage(logging.Filter):
    """Celery puts a failed task's exception into the line itself: only the task's name is kept."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.args, dict):
            record.msg, record.args = "task %s failed", (record.args.get("name"),)
        return True


def _places(error: BaseException | None) -> Iterator[str]:
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
