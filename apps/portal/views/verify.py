"""Verify a proof: drop a bundle, read the verdict. No sign-in, nothing is kept."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.errors import WrongInput
from apps.exchange.evidence import digest_read
from apps.exchange.network import network_file, verdict_on
from apps.portal.access import PageRequest, open_to_all
from apps.portal.downloads import download
from apps.portal.verdicts import verdict_view
from audit_chain.proof.bundle import MAX_BUNDLE_SIZE


@require_http_methods(["GET", "POST"])
@open_to_all
def verify(request: PageRequest) -> HttpResponse:
    context = {"section": "verify"}
    status = 200
    if request.method == "POST":
        try:
            context["view"] = verdict_view(verdict_on(_bundle(request), file_digest=_digest(request)))
        except WrongInput as error:
            context["error"], status = error, error.status
    template = "portal/parts/verify_result.html" if request.htmx else "portal/verify.html"
    return render(request, template, context, status=200 if request.htmx else status)


@require_safe
@open_to_all
def policy(request: PageRequest) -> HttpResponse:
    """The trust policy of this network: what somebody needs, besides the proof, to verify without this portal."""
    return download(network_file().policy().render(), name="trust-policy.txt", media_type="text/plain; charset=utf-8")


def _bundle(request: PageRequest) -> bytes:
    file = request.FILES.get("bundle")
    if file is None:
        raise WrongInput("Choose the proof: a file that ends in .json.", where="bundle")
    if file.size > MAX_BUNDLE_SIZE:
        raise WrongInput(f"A proof has at most {MAX_BUNDLE_SIZE:,} bytes; this file is larger.", where="bundle")
    return file.read()


def _digest(request: PageRequest) -> bytes | None:
    text = request.POST.get("sha256", "").strip()
    return digest_read(text) if text else None
