"""Entries of the shared chain in words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from apps.portal.verdicts import party_name
from audit_chain.beacon.entries import Crosslink, Evidence, Genesis, Member, Pool, Seal, parse_entry
from audit_chain.errors import Malformed

TYPE_NAMES = {
    "genesis": "Beginning of the network",
    "member": "New member",
    "pool": "New pool",
    "crosslink": "Pool committed",
    "evidence": "Evidence",
    "seal": "Seal of the block",
}


@dataclass(frozen=True, slots=True)
class EntryView:
    title: str
    sentence: str
    text: str  # the entry, indented


def entry_view(data: str, names: Mapping[str, str]) -> EntryView:
    """What an entry says, for people, and its own text."""
    pretty = json.dumps(json.loads(data), indent=2, ensure_ascii=False)
    try:
        entry = parse_entry(data.encode())
    except Malformed:
        return EntryView("Entry of an unknown type", "This portal is older than the entry.", pretty)
    return EntryView(TYPE_NAMES[entry.TYPE], _sentence(entry, names), pretty)


def _sentence(entry: Genesis | Member | Pool | Crosslink | Evidence | Seal, names: Mapping[str, str]) -> str:
    match entry:
        case Genesis():
            return f"The network {entry.network} began with {len(entry.validators)} validators."
        case Member():
            return f"{party_name(entry.name, names)} joined with its own key."
        case Pool():
            return f"{party_name(entry.member, names)} opened the pool {entry.name}."
        case Crosslink():
            grown = entry.checkpoint.size - entry.parent.size
            return (
                f"The pool {entry.pool} committed to its log of {entry.checkpoint.size:,} entries, {grown:,} more than "
                f"before. What they say is not here."
            )
        case Evidence():
            return f"{party_name(entry.deposit.member, names)} deposited the fingerprint of a file."
        case Seal():
            return f"The block was closed on {entry.time.replace('T', ', ').replace('Z', ' UTC')}."
