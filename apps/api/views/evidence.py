"""Evidence: whether, when and by whom a file was deposited. Its digest comes in a body, never in an address."""

from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.downloads import download_bundle
from apps.api.serializers.evidence import Deposit, Findings, Fingerprint, Prove
from apps.api.views.base import MemberView, OpenView
from apps.exchange.evidence import digest_read, evidence_answer, evidence_deposit, evidence_proof, evidence_state
from apps.exchange.records import original_deposit

FOR_EVER = (
    "The digest stands on the shared chain for ever, for everybody to find who has the file. Depositing it again "
    "changes nothing."
)


class LookupView(OpenView):
    @extend_schema(
        operation_id="evidence_lookup",
        summary="Every deposit of a file, the earliest first",
        request=Fingerprint,
        responses=Findings,
    )
    def post(self, request: Request) -> Response:
        digest = digest_read(self.read_body(Fingerprint)["sha256"])
        answer = evidence_answer(digest=digest)
        return Response(
            Findings({"sha256": digest.hex(), "deposits": answer.deposits, "final_state": answer.state}).data
        )


class AnswerView(OpenView):
    @extend_schema(
        operation_id="evidence_answer",
        summary="The bundle that proves what the chain's final state says of a file, also that there is no deposit",
        description="While nothing is final the answer is 409, `not_final_yet`.",
        request=Fingerprint,
        responses={(200, "application/json"): OpenApiTypes.BINARY},
    )
    def post(self, request: Request) -> HttpResponse:
        digest = digest_read(self.read_body(Fingerprint)["sha256"])
        return download_bundle(evidence_state(digest=digest).bundle, name=f"answer-{digest.hex()[:8]}.json")


class EvidenceProofView(OpenView):
    @extend_schema(
        operation_id="evidence_proof",
        summary="The bundle that proves a deposit",
        description="Before the deposit is final the answer is 409, `not_final_yet`.",
        request=Prove,
        responses={(200, "application/json"): OpenApiTypes.BINARY},
    )
    def post(self, request: Request) -> HttpResponse:
        asked = self.read_body(Prove)
        digest = digest_read(asked["sha256"])
        bundle = evidence_proof(digest=digest, index=asked["index"])
        return download_bundle(bundle, name=f"evidence-{digest.hex()[:8]}.json")


class EvidenceView(MemberView):
    @extend_schema(
        operation_id="evidence_deposit",
        summary="Deposit a file's digest as evidence",
        description=FOR_EVER,
        request=Fingerprint,
        responses={202: Deposit},
    )
    def post(self, request: Request) -> Response:
        digest = digest_read(self.read_body(Fingerprint)["sha256"])
        return Response(Deposit(evidence_deposit(actor=self.actor, digest=digest)).data, status=202)


class OriginalDepositView(MemberView):
    @extend_schema(
        operation_id="records_deposit",
        summary="Deposit the digest of a record's original as evidence",
        description=FOR_EVER,
        request=None,
        responses={202: Deposit},
    )
    def post(self, request: Request, record_id: UUID) -> Response:
        return Response(Deposit(original_deposit(actor=self.actor, record_id=record_id)).data, status=202)
