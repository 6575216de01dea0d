"""The explorer's search box: what somebody typed, and the places on the shared chain that it may mean."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.urls import reverse

from apps.exchange.network import beacon
from apps.network import beacon_api as api
from apps.portal.explorer import OFFENCES
from apps.portal.verdicts import party_name
from audit_chain.encoding import from_base64, from_hex
from audit_chain.errors import Malformed
from audit_chain.merkle.hashing import HASH_SIZE

_NUMBERED = re.compile(r"(?:(epoch|block|slot|entry|seal)\s*)?#?\s*([0-9][0-9, ]{0,20})", re.IGNORECASE)
LARGEST = 2**53


@dataclass(frozen=True, slots=True)
class Match:
    """A place that was meant: what it is, its name there, and the page that shows it."""

    what: str
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Found:
    """`digest` is set where what was typed may be a file's fingerprint, too."""

    matches: tuple[Match, ...]
    digest: bytes | None = None
    deposits: int = 0


def look_up(text: str, names: Mapping[str, str]) -> Found:
    """Everything that the text may mean; nothing for a text that means nothing here."""
    text = text.strip()
    if (value := _hash(text)) is not None:
        return _by_hash(value)
    if numbered := _NUMBERED.fullmatch(text):
        return Found(tuple(_by_number(numbered[1] or "", int(re.sub("[^0-9]", "", numbered[2])))))
    return Found(tuple(_by_name(text.casefold(), names))) if text else Found(())


def _by_hash(value: bytes) -> Found:
    with beacon() as chain:
        places = chain.find(value)
        deposits = chain.lookup(value.hex()).deposits
    matches = []
    if places.block is not None:
        matches.append(Match("Block, by the root of its tree", f"{places.block:,}", _to("block", number=places.block)))
    if places.entry is not None:
        matches.append(Match("Entry, by its hash", f"{places.entry:,}", _to("entry", index=places.entry)))
    matches += [Match("Deposit of a file", f"entry {one.index:,}", _to("entry", index=one.index)) for one in deposits]
    return Found(tuple(matches), digest=value, deposits=len(deposits))


def _by_number(word: str, number: int) -> Iterable[Match]:
    if number > LARGEST:
        return
    with beacon() as chain:
        state = chain.validators()
        newest = chain.blocks(limit=1).blocks
    word = word.lower()
    if word in ("", "epoch") and newest and number <= newest[0].epoch:
        yield Match("Epoch", f"{number:,}", _to("epoch", number=number))
    if word in ("", "block", "slot") and newest and number <= newest[0].number:
        yield Match("Block", f"{number:,}", _to("block", number=number))
    if word in ("", "entry", "seal") and number < state.size:
        yield Match("Entry", f"{number:,}", _to("entry", index=number))


def _by_name(text: str, names: Mapping[str, str]) -> Iterable[Match]:
    def is_meant(name: str) -> bool:
        return text in (name, party_name(name, names).casefold()) or (
            len(text) > 2 and (text in name or text in party_name(name, names).casefold())
        )

    with beacon() as chain:
        validators, pools, members = chain.validators().validators, chain.pools(), chain.members()
        offences = chain.offences()
    for pool in pools:
        if is_meant(pool.name):
            yield Match("Pool", pool.name, _to("pool", name=pool.name))
    for validator in validators:
        if is_meant(validator.name):
            yield Match("Validator", party_name(validator.name, names), _to("validator", name=validator.name))
    for member in members:
        if is_meant(member.name):
            url = _to("entry", index=member.registered.index)
            yield Match("Member since", f"entry {member.registered.index:,}: {party_name(member.name, names)}", url)
    yield from (_offence(one) for one in offences if is_meant(one.offender))


def _offence(offence: api.Offence) -> Match:
    what = f"{offence.offender} {OFFENCES.get(offence.kind, offence.kind)}"
    return Match("Offence", what, _to("entry", index=offence.entry.index))


def _hash(text: str) -> bytes | None:
    """32 bytes in hexadecimal digits, grouped or not, or in base64."""
    for read, compact in ((from_hex, "".join(text.split()).lower()), (from_base64, text)):
        try:
            value = read(compact)
        except Malformed:
            continue
        if len(value) == HASH_SIZE:
            return value
    return None


def _to(page: str, **arguments: object) -> str:
    return reverse(f"portal:{page}", kwargs=arguments)
