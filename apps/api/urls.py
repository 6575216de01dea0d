"""What stands under /api/v1/."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView

from apps.api import views
from apps.api.errors import not_found

app_name = "api"

urlpatterns = [
    path("imports", views.Imports.as_view(), name="imports"),
    path("imports/<uuid:import_id>", views.Import.as_view(), name="import"),
    path("records", views.Records.as_view(), name="records"),
    path("records/search", views.RecordSearch.as_view(), name="search"),
    path("records/<uuid:record_id>", views.Record.as_view(), name="record"),
    path("records/<uuid:record_id>/original", views.Original.as_view(), name="original"),
    path("records/<uuid:record_id>/replacement", views.Replacement.as_view(), name="replacement"),
    path("records/<uuid:record_id>/disclosures", views.Disclosures.as_view(), name="disclosures"),
    path("inbox", views.Inbox.as_view(), name="inbox"),
    path("given", views.Given.as_view(), name="given"),
    path("bundles/<uuid:share_id>", views.Bundle.as_view(), name="bundle"),
    path("bundles/<uuid:share_id>/file", views.BundleFile.as_view(), name="bundle-file"),
    path("verify", views.Verify.as_view(), name="verify"),
    path("policy", views.Policy.as_view(), name="policy"),
    path("evidence", views.Evidence.as_view(), name="evidence"),
    path("evidence/lookup", views.EvidenceLookup.as_view(), name="evidence-lookup"),
    path("evidence/proof", views.EvidenceProof.as_view(), name="evidence-proof"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    re_path(r"", not_found),
]
