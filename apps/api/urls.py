"""What stands under /api/v1/. Addresses carry identifiers only: no file name, number, partner or digest."""

from django.urls import path, re_path

from apps.api.views.base import NothingHere
from apps.api.views.bundles import BundleFileView, BundleView, GivenView, InboxView, VerifyView
from apps.api.views.chain import AlertEvidenceView, AlertsView, NetworkView, PolicyView, PoolsView
from apps.api.views.description import DescriptionView
from apps.api.views.disclosures import DisclosuresView
from apps.api.views.evidence import AnswerView, EvidenceProofView, EvidenceView, LookupView, OriginalDepositView
from apps.api.views.imports import ImportsView, ImportView, ItemsView
from apps.api.views.organisations import MeView, RecipientsView
from apps.api.views.records import (
    OriginalView,
    PoolView,
    RecordSearchView,
    RecordsView,
    RecordView,
    ReplacementView,
)

app_name = "api"

urlpatterns = [
    # Anybody
    path("schema/", DescriptionView.as_view(), name="schema"),
    path("verify", VerifyView.as_view(), name="verify"),
    path("policy", PolicyView.as_view(), name="policy"),
    path("evidence/lookup", LookupView.as_view(), name="evidence-lookup"),
    path("evidence/answer", AnswerView.as_view(), name="evidence-answer"),
    path("evidence/proof", EvidenceProofView.as_view(), name="evidence-proof"),
    # The organisation
    path("me", MeView.as_view(), name="me"),
    path("recipients", RecipientsView.as_view(), name="recipients"),
    # The organisation's own pool
    path("pool", PoolView.as_view(), name="pool"),
    path("imports", ImportsView.as_view(), name="imports"),
    path("imports/<uuid:import_id>", ImportView.as_view(), name="import"),
    path("imports/<uuid:import_id>/items", ItemsView.as_view(), name="import-items"),
    path("records", RecordsView.as_view(), name="records"),
    path("records/search", RecordSearchView.as_view(), name="record-search"),
    path("records/<uuid:record_id>", RecordView.as_view(), name="record"),
    path("records/<uuid:record_id>/original", OriginalView.as_view(), name="original"),
    path("records/<uuid:record_id>/replacement", ReplacementView.as_view(), name="replacement"),
    path("records/<uuid:record_id>/disclosures", DisclosuresView.as_view(), name="disclosures"),
    path("records/<uuid:record_id>/deposit", OriginalDepositView.as_view(), name="original-deposit"),
    # Between organisations
    path("inbox", InboxView.as_view(), name="inbox"),
    path("given", GivenView.as_view(), name="given"),
    path("bundles/<uuid:share_id>", BundleView.as_view(), name="bundle"),
    path("bundles/<uuid:share_id>/file", BundleFileView.as_view(), name="bundle-file"),
    path("evidence", EvidenceView.as_view(), name="evidence"),
    # The shared chain
    path("network", NetworkView.as_view(), name="network"),
    path("pools", PoolsView.as_view(), name="pools"),
    path("alerts", AlertsView.as_view(), name="alerts"),
    path("alerts/evidence", AlertEvidenceView.as_view(), name="alert-evidence"),
    re_path(r"", NothingHere.as_view(), name="nothing"),
]
