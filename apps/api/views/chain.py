"""The shared chain: where it stands, and for a regulator how far each pool has committed."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.serializers.chain import Network, SupervisedPools
from apps.api.views.base import MemberView
from apps.exchange.network import beacon, network_file
from apps.exchange.supervision import pools_supervised


class NetworkView(MemberView):
    @extend_schema(operation_id="network", summary="The chain's head and its validators", responses=Network)
    def get(self, request: Request) -> Response:
        network = network_file()
        with beacon() as chain:
            state, newest = chain.validators(), chain.blocks(limit=1).blocks
        answer = {
            "network": network.network,
            "size": state.size,
            "final_size": state.final_size,
            "head": newest[0] if newest else None,
            "validators": state.validators,
            "trust_policy": network.policy().render().decode(),
        }
        return Response(Network(answer).data)


class PoolsView(MemberView):
    @extend_schema(
        operation_id="pools_list",
        summary="For a regulator: every pool's size, lag and status, and no row",
        responses=SupervisedPools,
    )
    def get(self, request: Request) -> Response:
        return Response(SupervisedPools({"items": pools_supervised(actor=self.actor)}).data)
