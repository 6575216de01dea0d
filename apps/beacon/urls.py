"""The beacon's paths; docs/spec/beacon-api.md describes them."""

from django.urls import path, re_path, register_converter

from apps.beacon import views
from apps.beacon.http import endpoint
from apps.monitor import views as monitor
from audit_chain.beacon.names import is_name
from audit_chain.encoding import MAX_UINT63


class Name:
    """A member's, pool's or validator's name."""

    regex = "[a-z0-9-]{1,63}"

    def to_python(self, value: str) -> str:
        if not is_name(value):
            raise ValueError("no name")
        return value

    def to_url(self, value: str) -> str:
        return value


class Number:
    """An index or block number, without leading zeros."""

    regex = "0|[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        number = int(value)
        if number > MAX_UINT63:
            raise ValueError("number too large")
        return number

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(Name, "name")
register_converter(Number, "number")

urlpatterns = [
    path("healthz", endpoint(GET=views.healthz)),
    path("network", endpoint(GET=views.network)),
    path("log/checkpoint", endpoint(GET=views.checkpoint)),
    re_path(r"^log/(?P<tile_path>tile/.+)$", endpoint(GET=views.tile)),
    path("blocks", endpoint(GET=views.blocks)),
    path("blocks/<number:number>", endpoint(GET=views.block)),
    path("entries/<number:index>", endpoint(GET=views.entry)),
    path("proofs/<number:index>", endpoint(GET=views.proof)),
    path("receipts/<number:index>", endpoint(GET=views.entry_receipt)),
    path("finality", endpoint(GET=views.finality)),
    path("finality/<number:size>", endpoint(GET=views.finality)),
    path("epochs", endpoint(GET=views.epochs)),
    path("epochs/<number:number>", endpoint(GET=views.epoch)),
    path("validators", endpoint(GET=views.validators)),
    path("committees/<name:name>", endpoint(GET=views.committee)),
    path("motions", endpoint(GET=views.motions)),
    path("offences", endpoint(GET=views.offences)),
    path("ballots", endpoint(POST=views.ballot_submit)),
    path("rotations", endpoint(POST=views.rotation_submit)),
    path("slashings", endpoint(POST=views.slashing_submit)),
    path("state/proof", endpoint(POST=views.state_proof)),
    path("state/sections", endpoint(GET=views.state_sections)),
    path("members", endpoint(GET=views.members, POST=views.member_register)),
    path("members/<name:name>", endpoint(GET=views.member)),
    path("pools", endpoint(GET=views.pools, POST=views.pool_register)),
    path("pools/<name:name>", endpoint(GET=views.pool)),
    path("crosslinks", endpoint(GET=views.crosslinks, POST=views.crosslink_submit)),
    path("crosslinks/<name:name>", endpoint(GET=views.crosslink)),
    path("hashes/lookup", endpoint(POST=views.hash_lookup)),
    path("evidence", endpoint(POST=views.evidence_submit)),
    path("evidence/lookup", endpoint(POST=views.evidence_lookup)),
    path("alerts", endpoint(GET=monitor.alerts_view)),
    re_path(r"^alerts/(?P<digest>[0-9a-f]{64})$", endpoint(GET=monitor.evidence_view)),
    path("metrics", endpoint(GET=monitor.metrics_view)),
    re_path(r"", endpoint(GET=views.nothing_here, POST=views.nothing_here)),
]
