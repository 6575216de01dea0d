"""The shared chain: where it stands, and for a regulator how far each pool has committed."""

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.downloads import download_bundle
from apps.api.serializers.chain import Alerts, EvidenceOfAlert, Network, SupervisedPools
from apps.api.views.base import MemberView, OpenView
from apps.exchange.network import beacon, network_file, trust_policy
from apps.exchange.supervision import alert_evidence, alerts_supervised, pools_supervised


class NetworkView(MemberView):
    @extend_schema(operation_id="network", summary="The chain's head and its validators", responses=Network)
    def get(self, request: Request) -> Response:
        with beacon() as chain:
            state, newest = chain.validators(), chain.blocks(limit=1).blocks
        answer = {
            "network": network_file().network,
            "size": state.size,
            "final_size": state.final_size,
            "waiting": state.waiting,
            "epoch": state.epoch,
            "justified_epoch": state.justified_epoch,
            "finalized_epoch": state.finalized_epoch,
            "head": newest[0] if newest else None,
            "validators": state.validators,
        }
        return Response(Network(answer).data)


class PolicyView(OpenView):
    @extend_schema(
        operation_id="policy",
        summary="The trust policy: what it takes, besides a bundle, to verify without this portal",
        responses={(200, "text/plain"): str},
    )
    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(trust_policy().render(), content_type="text/plain; charset=utf-8")


class PoolsView(MemberView):
    @extend_schema(
        operation_id="pools_list",
        summary="For a regulator: every pool's size, lag and status, and no row",
        responses=SupervisedPools,
    )
    def get(self, request: Request) -> Response:
        return Response(SupervisedPools({"items": pools_supervised(actor=self.actor)}).data)


class AlertsView(MemberView):
    @extend_schema(
        operation_id="alerts_list",
        summary="For a regulator: what the monitor found, open alerts first",
        responses=Alerts,
    )
    def get(self, request: Request) -> Response:
        return Response(Alerts({"items": alerts_supervised(actor=self.actor)}).data)


class AlertEvidenceView(MemberView):
    @extend_schema(
        operation_id="alerts_evidence",
        summary="For a regulator: the file that proves an alert",
        description="`python -m audit_chain misbehaviour` checks it.",
        request=EvidenceOfAlert,
        responses={(200, "application/json"): OpenApiTypes.BINARY},
    )
    def post(self, request: Request) -> HttpResponse:
        digest = self.read_body(EvidenceOfAlert)["evidence"]
        return download_bundle(alert_evidence(actor=self.actor, digest=digest), name=f"misbehaviour-{digest[:8]}.json")
