"""What stands on the shared chain: epochs, blocks, entries, each with its proof."""

from collections.abc import Mapping

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.accounts.selectors import organisation_names
from apps.exchange.chain import forks_open
from apps.exchange.evidence import NotFinalYet
from apps.exchange.network import beacon
from apps.network import beacon_api as api
from apps.network.beacon_client import BeaconClient
from apps.portal.access import PageRequest, members_only
from apps.portal.downloads import download
from apps.portal.explorer import TYPE_NAMES, Cast, entry_view, epoch_line
from apps.portal.verdicts import party_name

PAGE = 25
ENTRIES = 200  # of one block on its page
LARGEST = 2**53
ACTIVE = ("active", "exiting")


@require_safe
@members_only
def epochs(request: PageRequest) -> HttpResponse:
    before = _number(request.GET.get("before"))
    with beacon() as chain:
        page, state = chain.epochs(before=before, limit=PAGE), chain.validators()
        links = chain.crosslinks(first=page.epochs[-1].epoch, epochs=len(page.epochs)) if page.epochs else ()
    count = sum(one.status in ACTIVE for one in state.validators)
    context = {
        "section": "network",
        "tab": "epochs",
        "epochs": [epoch_line(one, current=state.epoch, validators=count, crosslinks=links) for one in page.epochs],
        "state": state,
        "next": page.before,
        "is_first": before is None,
        "forks": forks_open(),
    }
    return render(request, "portal/epochs.html", context)


@require_safe
@members_only
def epoch(request: PageRequest, number: int) -> HttpResponse:
    with beacon() as chain:
        found, state = chain.epoch(_sized(number)), chain.validators()
        newest = _newest(chain)
        links = chain.crosslinks(first=number, epochs=1)
    names = organisation_names()
    active = [one.name for one in state.validators if one.status in ACTIVE]
    line = epoch_line(found.epoch, current=state.epoch, validators=len(active), crosslinks=links)
    linked = {link.pool: link for link in links}
    context = {
        "section": "network",
        "tab": "epochs",
        "line": line,
        "voters": [party_name(name, names) for name in line.voters],
        "missing": [party_name(name, names) for name in active if name not in line.voters],
        "is_newest": newest is not None and number >= newest.epoch,
        "blocks": found.blocks,
        "boundary": found.epoch.first_slot,
        "pools": [
            {"name": one.pool, "committee": _committee(one, names), "all": len(one.validators or ()) == len(active),
             "link": linked.get(one.pool)}
            for one in found.committees
        ],
    }  # fmt: skip
    return render(request, "portal/epoch.html", context)


@require_safe
@members_only
def blocks(request: PageRequest) -> HttpResponse:
    before = _number(request.GET.get("before"))
    with beacon() as chain:
        page = chain.blocks(before=before, limit=PAGE)
    context = {
        "section": "network",
        "tab": "blocks",
        "blocks": page.blocks,
        "next": page.before,
        "is_first": before is None,
        "forks": forks_open(),
    }
    return render(request, "portal/blocks.html", context)


@require_safe
@members_only
def block(request: PageRequest, number: int) -> HttpResponse:
    with beacon() as chain:
        found, newest = chain.block(_sized(number)), _newest(chain)
    names = organisation_names()
    context = {
        "section": "network",
        "tab": "blocks",
        "sealed": found.block,
        "is_newest": newest is not None and number >= newest.number,
        "checkpoint": found.checkpoint,
        "entries": [{"index": line.index, "type": TYPE_NAMES.get(line.type, line.type)} for line in found.entries][
            -ENTRIES:
        ],
        "entry_count": len(found.entries),
        "seal": found.block.size - 1,
        "cosigners": [party_name(name, names) for name in found.block.cosigners],
    }
    return render(request, "portal/block.html", context)


@require_safe
@members_only
def entry(request: PageRequest, index: int) -> HttpResponse:
    with beacon() as chain:
        found = chain.entry(_sized(index))
        cast = Cast(organisation_names(), **_needed(chain, found.type))
    context = {"section": "network", "tab": "blocks", "entry": found, "view": entry_view(found, cast)}
    return render(request, "portal/entry.html", context)


@require_safe
@members_only
def entry_proof(request: PageRequest, index: int) -> HttpResponse:
    """The entry's tlog-proof, which any implementation of that format can check."""
    with beacon() as chain:
        proven = chain.proof(_sized(index))
    if proven is None:
        raise NotFinalYet("This entry is not final yet: validators are still signing. Ask again in a few seconds.")
    return download(proven.proof, name=f"entry-{index}.tlog-proof", media_type="text/plain; charset=utf-8")


def _newest(chain: BeaconClient) -> api.BlockSummary | None:
    return next(iter(chain.blocks(limit=1).blocks), None)


def _needed(chain: BeaconClient, kind: str) -> Mapping[str, object]:
    """What else has to be asked to tell an entry of this type in words."""
    if kind == "attestation":
        return {"validators": tuple(one.name for one in chain.validators().validators)}
    if kind == "slashing":
        return {"offenders": {one.entry.index: one.offender for one in chain.offences()}}
    return {}


def _committee(one: api.PoolCommittee, names: Mapping[str, str]) -> list[str] | None:
    return None if one.validators is None else [party_name(name, names) for name in one.validators]


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 16 else None


def _sized(number: int) -> int:
    if number > LARGEST:
        raise Http404
    return number
