"""The pages. Addresses carry random or counted identifiers only: no file name, number, partner or fingerprint.

Validators and pools stand in addresses by the names that they have on the shared chain, for every member to read.
"""

from django.urls import path

from apps.portal.views import (
    account,
    chain,
    evidence,
    imports,
    inbox,
    members,
    network,
    overview,
    records,
    registry,
    share,
    supervision,
    tokens,
)
from apps.portal.views import verify as verify_views

app_name = "portal"

urlpatterns = [
    path("", overview.overview, name="overview"),
    # Anybody
    path("verify", verify_views.verify, name="verify"),
    path("trust-policy.txt", verify_views.policy, name="policy"),
    path("evidence", evidence.evidence, name="evidence"),
    path("evidence/proof", evidence.proof, name="evidence-proof"),
    path("evidence/answer", evidence.answer, name="evidence-answer"),
    path("developers", overview.developers, name="developers"),
    # Accounts
    path("sign-in", account.sign_in, name="sign-in"),
    path("sign-out", account.sign_out, name="sign-out"),
    path("organisation", account.organisation, name="organisation"),
    path("password", account.password, name="password"),
    path("invitation", account.invitation, name="invitation"),
    path("members", members.members, name="members"),
    path("members/<int:membership_id>/role", members.role, name="member-role"),
    path("members/<int:membership_id>/remove", members.remove, name="member-remove"),
    path("invitations/<int:invitation_id>/withdraw", members.withdraw, name="invitation-withdraw"),
    path("tokens", tokens.tokens, name="tokens"),
    path("tokens/<int:token_id>/revoke", tokens.revoke, name="token-revoke"),
    # The organisation's own pool
    path("imports", imports.imports, name="imports"),
    path("imports/<uuid:import_id>", imports.one, name="import"),
    path("records", records.records, name="records"),
    path("records/<uuid:record_id>", records.record, name="record"),
    path("records/<uuid:record_id>/fields", records.record, {"view": "fields"}, name="record-fields"),
    path("records/<uuid:record_id>/life", records.life, name="life"),
    path("records/<uuid:record_id>/original", records.original, name="original"),
    path("records/<uuid:record_id>/share", share.share, name="share"),
    path("records/<uuid:record_id>/deposit", records.deposit, name="deposit"),
    path("records/<uuid:record_id>/replaces/<uuid:older_id>", records.replaces, name="replaces"),
    # Between organisations
    path("inbox", inbox.inbox, name="inbox"),
    path("given", inbox.given, name="given"),
    path("bundles/<uuid:share_id>", inbox.bundle, name="bundle"),
    path("bundles/<uuid:share_id>/file", inbox.bundle_file, name="bundle-file"),
    path("evidence/deposit", evidence.deposit, name="evidence-deposit"),
    # The shared chain
    path("network", network.network, name="network"),
    path("network/live", network.live, name="live"),
    path("network/search", network.search, name="network-search"),
    path("network/epochs", chain.epochs, name="epochs"),
    path("network/epochs/<int:number>", chain.epoch, name="epoch"),
    path("network/blocks", chain.blocks, name="blocks"),
    path("network/blocks/<int:number>", chain.block, name="block"),
    path("network/entries/<int:index>", chain.entry, name="entry"),
    path("network/entries/<int:index>/proof", chain.entry_proof, name="entry-proof"),
    path("network/validators", registry.validators, name="validators"),
    path("network/validators/<slug:name>", registry.validator, name="validator"),
    path("network/pools/<slug:name>", registry.pool, name="pool"),
    path("network/pools/<slug:name>/proof", registry.pool_proof, name="pool-proof"),
    path("network/motions", registry.motions, name="motions"),
    path("network/offences", registry.offences, name="offences"),
    path("network/offences/<int:index>/file", registry.offence_file, name="offence-file"),
    # A regulator
    path("pools", supervision.pools, name="pools"),
    path("alerts", supervision.alerts, name="alerts"),
    path("alerts/file", supervision.alert_file, name="alert-file"),
]
