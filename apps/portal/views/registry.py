"""Who takes part in the shared chain: validators, pools; what they decide, and what they were caught at."""

import json
from collections.abc import Sequence
from datetime import datetime

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.accounts.errors import NotFound
from apps.accounts.selectors import organisation_names
from apps.exchange.chain import forks_open
from apps.exchange.network import beacon
from apps.exchange.state import state_proof
from apps.network import beacon_api as api
from apps.portal.access import PageRequest, members_only
from apps.portal.downloads import download, download_bundle
from apps.portal.explorer import OFFENCES, Cast, evidence_file, motion_words, offence_sentence, percent, weight
from apps.portal.verdicts import party_name
from apps.portal.wording import sentence_case
from audit_chain.beacon.motion import Motion
from audit_chain.beacon.names import is_name
from audit_chain.errors import Malformed

VOTES = 16  # epochs, on a validator's page
ENDING = 30  # days before the end of its keys from which a validator is told so
LARGEST = 2**53
STATUSES = {
    "pending": ("joins soon", "wait"),
    "active": ("active", "final"),
    "exiting": ("leaving", "wait"),
    "exited": ("has left", ""),
    "slashed": ("caught at an offence", "bad"),
}


@require_safe
@members_only
def validators(request: PageRequest) -> HttpResponse:
    with beacon() as chain:
        state = chain.validators()
    names = organisation_names()
    total = _active_weight(state.validators)
    context = {
        "section": "network",
        "tab": "validators",
        "state": state,
        "validators": [_validator(one, total, state, names) for one in state.validators],
        "forks": forks_open(),
    }
    return render(request, "portal/validators.html", context)


@require_safe
@members_only
def validator(request: PageRequest, name: str) -> HttpResponse:
    with beacon() as chain:
        state = chain.validators()
        found = next((one for one in state.validators if one.name == name), None)
        if found is None:
            raise NotFound("The shared chain has no such validator.")
        epochs = chain.epochs(limit=VOTES + 1).epochs
        offences = [one for one in chain.offences() if one.offender == name]
    names = organisation_names()
    context = {
        "section": "network",
        "tab": "validators",
        "one": _validator(found, _active_weight(state.validators), state, names),
        "key_sets": [{"keys": keys.keys, "from": keys.not_before, "until": keys.not_after, "now": _is_now(keys)}
                     for keys in reversed(found.key_sets)],
        "governance": found.governance,
        "votes": [{"epoch": one.epoch, "voted": name in one.voters, "open": one.epoch >= state.epoch - 1}
                  for one in epochs],
        "offences": [_offence(one, names) for one in offences],
    }  # fmt: skip
    return render(request, "portal/validator.html", context)


@require_safe
@members_only
def pool(request: PageRequest, name: str) -> HttpResponse:
    with beacon() as chain:
        found = chain.pool(_named(name))
        committee = chain.committee(found.name)
    names = organisation_names()
    context = {
        "section": "network",
        "tab": "pools",
        "pool": found,
        "owner": party_name(found.member, names),
        "epoch": committee.epoch,
        "committee": [party_name(one, names) for one in committee.validators],
    }
    return render(request, "portal/pool.html", context)


@require_safe
@members_only
def pool_proof(request: PageRequest, name: str) -> HttpResponse:
    """What the final state says of the pool: its key, its owner, and whether it is suspended."""
    with beacon() as chain:
        chain.pool(_named(name))
    return download_bundle(state_proof(f"pool/{name}").bundle, name=f"pool-{name}.json")


@require_safe
@members_only
def motions(request: PageRequest) -> HttpResponse:
    with beacon() as chain:
        found = chain.motions()
        weights = {one.name: one.weight for one in chain.validators().validators}
    cast = Cast(organisation_names())
    context = {
        "section": "network",
        "tab": "motions",
        "motions": [_motion(one, found, weights, cast) for one in found.motions],
        "forks": forks_open(),
    }
    return render(request, "portal/motions.html", context)


@require_safe
@members_only
def offences(request: PageRequest) -> HttpResponse:
    with beacon() as chain:
        found = chain.offences()
    names = organisation_names()
    context = {
        "section": "network",
        "tab": "offences",
        "offences": [_offence(one, names) for one in found],
        "forks": forks_open(),
    }
    return render(request, "portal/offences.html", context)


@require_safe
@members_only
def offence_file(request: PageRequest, index: int) -> HttpResponse:
    """The evidence file that the entry carries, as anybody may check it."""
    if index > LARGEST:
        raise Http404
    with beacon() as chain:
        file = evidence_file(chain.entry(index))
    if file is None:
        raise NotFound("This entry proves no offence.")
    return download(file, name=f"misbehaviour-{index}.json", media_type="application/json")


def _validator(one: api.ValidatorState, total: int, state: api.Validators, names: dict[str, str]) -> dict[str, object]:
    word, badge = STATUSES.get(one.status, (one.status, ""))
    until = max((keys.not_after for keys in one.key_sets), default=None)
    behind = one.last_epoch is None or state.epoch - one.last_epoch > 1
    days = (datetime.fromisoformat(until) - timezone.now()).days if until else None
    return {
        "name": one.name,
        "party": party_name(one.name, names),
        "word": "votes are missing" if one.status == "active" and behind and one.epochs else word,
        "badge": "wait" if one.status == "active" and behind and one.epochs else badge,
        "weight": weight(one.weight),
        "balance": weight(one.balance),
        "share": percent(one.weight, total) if one.status in ("active", "exiting") else 0,
        "votes": one.votes,
        "epochs": one.epochs,
        "participation": percent(one.votes, one.epochs),
        "last_epoch": one.last_epoch,
        "cosigned": one.cosigned,
        "until": until,
        "days": days,
        "ending": days is not None and days < ENDING,
        "keys": len(one.keys),
        "url": one.url,
    }


def _motion(one: api.Motion, found: api.Motions, weights: dict[str, int], cast: Cast) -> dict[str, object]:
    try:
        words = motion_words(Motion.from_json(json.loads(one.motion)), cast)
    except Malformed:
        words = one.action
    if one.carried:
        word, badge = "carried", "final"
    elif found.epoch > one.expires:
        word, badge = "not carried", ""
    else:
        word, badge = "open", "wait"
    return {
        "words": sentence_case(words),
        "moved": one.moved,
        "carried": one.carried,
        "expires": one.expires,
        "voters": cast.parties(one.voters),
        "share": percent(sum(weights.get(name, 0) for name in one.voters), found.total),
        "word": word,
        "badge": badge,
    }


def _offence(one: api.Offence, names: dict[str, str]) -> dict[str, object]:
    cast = Cast(names)
    return {
        "sentence": offence_sentence(one.kind, one.offender, cast),
        "kind": one.kind,
        "is_known": one.kind in OFFENCES,
        "reporter": cast.party(one.reporter) if one.reporter else "",
        "entry": one.entry,
    }


def _active_weight(validators: Sequence[api.ValidatorState]) -> int:
    return sum(one.weight for one in validators if one.status in ("active", "exiting"))


def _is_now(keys: api.KeyValidity) -> bool:
    return datetime.fromisoformat(keys.not_before) <= timezone.now() <= datetime.fromisoformat(keys.not_after)


def _named(name: str) -> str:
    if not is_name(name):
        raise Http404
    return name
