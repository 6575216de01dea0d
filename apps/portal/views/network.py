"""The shared chain for its members: blocks, entries, validators; for a regulator, its pools."""

from datetime import datetime

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.accounts.errors import NotFound
from apps.accounts.selectors import organisation_names
from apps.exchange.evidence import NotFinalYet
from apps.exchange.network import beacon, network_file
from apps.network.beacon_api import PoolState
from apps.portal import wording
from apps.portal.access import PageRequest, members_only
from apps.portal.downloads import download
from apps.portal.explorer import TYPE_NAMES, entry_view
from apps.portal.verdicts import party_name

PAGE = 25
ENTRIES = 200  # of one block on its page
QUIET_AFTER = 24 * 3600  # seconds without a crosslink until a pool is called quiet
LARGEST = 2**53


@require_safe
@members_only
def network(request: PageRequest) -> HttpResponse:
    before = _number(request.GET.get("before"))
    with beacon() as chain:
        page = chain.blocks(before=before, limit=PAGE)
        validators = chain.validators()
    names = organisation_names()
    context = {
        "section": "network",
        "network": network_file().network,
        "blocks": page.blocks,
        "next": page.before,
        "is_first": before is None,
        "validators": validators,
        "validator_count": len(validators.validators),
        "signers": [
            {"name": party_name(one.name, names), "weight": one.weight, "url": one.url, "cosigned": one.cosigned,
             "keys": one.keys, "behind": validators.size - one.cosigned.size if one.cosigned else None}
            for one in validators.validators
        ],
    }  # fmt: skip
    return render(request, "portal/network.html", context)


@require_safe
@members_only
def block(request: PageRequest, number: int) -> HttpResponse:
    with beacon() as chain:
        found = chain.block(_sized(number))
    names = organisation_names()
    context = {
        "section": "network",
        "sealed": found.block,
        "checkpoint": found.checkpoint,
        "entries": [{"index": line.index, "type": TYPE_NAMES.get(line.type, line.type)} for line in found.entries][
            -ENTRIES:
        ],
        "entry_count": len(found.entries),
        "cosigners": [party_name(name, names) for name in found.block.cosigners],
    }
    return render(request, "portal/block.html", context)


@require_safe
@members_only
def entry(request: PageRequest, index: int) -> HttpResponse:
    with beacon() as chain:
        found = chain.entry(_sized(index))
    context = {"section": "network", "entry": found, "view": entry_view(found.entry, organisation_names())}
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


@require_safe
@members_only
def pools(request: PageRequest) -> HttpResponse:
    """A regulator's view: how much and when, never what. To everybody else this page is not there."""
    if not request.actor.is_regulator:
        raise NotFound("There is no such page.")
    with beacon() as chain:
        states = chain.pools()
        validators = chain.validators()
        newest = chain.blocks(limit=1).blocks
    names = organisation_names()
    context = {
        "section": "pools",
        "pools": [_pool_line(state, names) for state in sorted(states, key=lambda state: state.name)],
        "newest": newest[0] if newest else None,
        "validators": validators,
    }
    return render(request, "portal/pools.html", context)


def _pool_line(state: PoolState, names: dict[str, str]) -> dict[str, object]:
    link = state.crosslink
    time = datetime.fromisoformat(link.time) if link.time else None
    age = (timezone.now() - time).total_seconds() if time else None
    if time is None:
        badge, word = "", "nothing yet"
    elif not link.final:
        badge, word = "wait", "being signed"
    elif age is not None and age > QUIET_AFTER:
        badge, word = "wait", "quiet for a day"
    else:
        badge, word = "final", "on time"
    return {
        "name": state.name,
        "owner": party_name(state.member, names),
        "size": link.size,
        "time": time,
        "index": link.index,
        "block": link.block,
        "badge": badge,
        "word": word,
        "lag": wording.duration(age) if age is not None else "",
        "since": state.registered.time,
    }


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 16 else None


def _sized(number: int) -> int:
    if number > LARGEST:
        raise Http404
    return number
