"""Lists, page by page: each page names the last row that it showed, so rows that come in meanwhile shift nothing.

GET /api/v1/imports?limit=50            {"items": [...], "next": "019a..."}
GET /api/v1/imports?limit=50&cursor=019a...
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rest_framework import serializers

from apps.accounts.errors import WrongInput
from apps.api.serializers.base import Body

PAGE = 50
MAX_PAGE = 200

Key = TypeVar("Key")
Row = TypeVar("Row")


class PageQuery(Body):
    limit = serializers.IntegerField(required=False, default=PAGE, min_value=1, max_value=MAX_PAGE)
    cursor = serializers.CharField(
        required=False, max_length=100, help_text="The page before's `next`, to read on from there."
    )


def cursor_read(asked: dict[str, Any], parse: Callable[[str], Key]) -> Key | None:
    """Where the page before ended; `parse` raises ValueError for what is no such place."""
    text = asked.get("cursor")
    try:
        return None if text is None else parse(text)
    except ValueError:
        raise WrongInput("This is not where a page ended.", where="cursor") from None


def page_cut(rows: Sequence[Row], limit: int, key: Callable[[Row], str]) -> dict[str, Any]:
    """The page of `limit` rows, from one more than that where there are more."""
    page = rows[:limit]
    return {"items": page, "next": key(page[-1]) if len(rows) > limit else None}
