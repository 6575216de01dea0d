"""What the monitor found, for whoever asks the beacon."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from apps.monitor import metrics
from apps.monitor.database_store import alerts, evidence_file, measures
from apps.monitor.webhook import alert_to_json


def alerts_view(request: HttpRequest) -> HttpResponse:
    """Open ones first."""
    response = JsonResponse({"alerts": [alert_to_json(alert) for alert in alerts()]})
    response["Cache-Control"] = "no-store"
    return response


def evidence_view(request: HttpRequest, *, digest: str) -> HttpResponse:
    """The file that `python -m audit_chain misbehaviour` checks."""
    file = evidence_file(digest)
    if file is None:
        problem = {"code": "not_found", "message": "there is no such evidence file", "where": None}
        return JsonResponse({"error": problem}, status=404)
    response = HttpResponse(file, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="misbehaviour-{digest[:12]}.json"'
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def metrics_view(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(metrics.render(alerts(), measures()), content_type=metrics.MEDIA_TYPE)
    response["Cache-Control"] = "no-store"
    return response
