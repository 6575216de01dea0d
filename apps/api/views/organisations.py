"""Who asks, and whom something can be shared with."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.selectors import recipients_list
from apps.api.serializers.organisations import Me, Organisations
from apps.api.views.base import MemberView


class MeView(MemberView):
    @extend_schema(operation_id="me", summary="Whose token this is, and what it may do", responses=Me)
    def get(self, request: Request) -> Response:
        actor = self.actor
        return Response(Me({"organisation": actor.organisation, "role": actor.role, "token": request.auth}).data)


class RecipientsView(MemberView):
    @extend_schema(operation_id="recipients_list", summary="Every organisation to share with", responses=Organisations)
    def get(self, request: Request) -> Response:
        return Response(Organisations({"items": recipients_list(actor=self.actor)}).data)
