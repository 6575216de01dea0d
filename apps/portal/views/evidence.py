"""Check a file: was it deposited as evidence, when, by whom? Only a fingerprint is sent here, and only in a body."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.errors import PortalError, WrongInput
from apps.accounts.roles import Role
from apps.accounts.selectors import organisation_names
from apps.exchange.evidence import (
    Finding,
    NotFinalYet,
    digest_read,
    evidence_answer,
    evidence_deposit,
    evidence_proof,
    evidence_state,
    finding_proof,
)
from apps.exchange.network import verdict_on
from apps.portal.access import PageRequest, members_only, open_to_all
from apps.portal.downloads import download_bundle
from apps.portal.verdicts import VerdictView, verdict_view


@require_http_methods(["GET", "POST"])
@open_to_all
def evidence(request: PageRequest) -> HttpResponse:
    context: dict[str, object] = {"section": "evidence"}
    status = 200
    if request.method == "POST":
        try:
            context |= _answer(digest_read(request.POST.get("sha256", "")))
        except PortalError as error:
            context["error"], status = error, error.status
    if request.htmx:
        return render(request, "portal/parts/evidence_result.html", context)
    return render(request, "portal/evidence.html", context, status=status)


@require_POST
@open_to_all
def proof(request: PageRequest) -> HttpResponse:
    digest = digest_read(request.POST.get("sha256", ""))
    data = evidence_proof(digest=digest, index=_index(request))
    return download_bundle(data, name=f"evidence-{digest.hex()[:8]}.json")


@require_POST
@open_to_all
def answer(request: PageRequest) -> HttpResponse:
    """What the chain's final state says of the file, with proof, also where it says that there is no deposit."""
    digest = digest_read(request.POST.get("sha256", ""))
    return download_bundle(evidence_state(digest=digest).bundle, name=f"answer-{digest.hex()[:8]}.json")


@require_POST
@members_only
def deposit(request: PageRequest) -> HttpResponse:
    """Deposits a fingerprint that was looked up just before, after the same warning as for a record's original."""
    request.actor.require(Role.STAFF)
    if request.POST.get("understood") != "yes":
        raise WrongInput("Tick the box first: a deposit cannot be taken back.", where="understood")
    evidence_deposit(actor=request.actor, digest=digest_read(request.POST.get("sha256", "")))
    messages.success(request, "Deposited. Whoever has the file can look it up in a few seconds.")
    return redirect("portal:evidence")


def _answer(digest: bytes) -> dict[str, object]:
    """Every deposit of the file, the earliest with its verdict if it is final by now; or that there is none, proven."""
    answer = evidence_answer(digest=digest)
    found = answer.deposits
    first = found[0] if found else None
    absence = answer.state if not found else None
    return {
        "digest": digest,
        "asked": True,
        "found": found,
        "first": first,
        "absence": absence,
        "view": _verdict(first, digest) if first else _view(absence.bundle, digest) if absence else None,
    }


def _verdict(found: Finding, digest: bytes) -> VerdictView | None:
    try:
        bundle = finding_proof(found)
    except NotFinalYet:
        return None
    return _view(bundle, digest)


def _view(bundle: bytes, digest: bytes) -> VerdictView:
    return verdict_view(verdict_on(bundle, file_digest=digest), names=organisation_names())


def _index(request: PageRequest) -> int:
    text = request.POST.get("index", "")
    if not text.isdecimal() or len(text) > 15:
        raise WrongInput("An entry has a number.", where="index")
    return int(text)
