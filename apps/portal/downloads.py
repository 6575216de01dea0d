"""Files handed out: their names stand in a header, never in an address."""

from django.http import HttpResponse
from django.utils.http import content_disposition_header


def download(data: bytes, *, name: str, media_type: str) -> HttpResponse:
    """The bytes as a file to save; a browser never renders what it holds."""
    response = HttpResponse(data, content_type=media_type)
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["Cache-Control"] = "private, no-store"
    return response


def download_bundle(data: bytes, *, name: str) -> HttpResponse:
    return download(data, name=name, media_type="application/json")
