"""GET /healthz of the portal."""

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when the portal can serve: its database answers and it knows the network; 503 and the reason otherwise."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "unavailable", "reason": "the database does not answer"}, status=503)
    if not settings.NETWORK_FILE.is_file():
        return JsonResponse({"status": "unavailable", "reason": "the network file is missing"}, status=503)
    return JsonResponse({"status": "ok", "node": "portal"})
