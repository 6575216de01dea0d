"""The shared chain in words: its entries, epochs, motions and offences."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.urls import reverse

from apps.network import beacon_api as api
from apps.portal import wording
from apps.portal.verdicts import party_name
from audit_chain.beacon.entries import (
    Attestation,
    Ballot,
    Crosslink,
    Entry,
    Evidence,
    Genesis,
    Member,
    Pool,
    Restart,
    Rotation,
    Seal,
    Slashing,
    Validator,
    parse_entry,
)
from audit_chain.beacon.motion import Motion
from audit_chain.beacon.names import validator_key_name
from audit_chain.encoding import to_hex
from audit_chain.errors import Malformed
from audit_chain.log.note import Note

UNIT = 1_000_000_000  # balance units to one unit of weight

TYPE_NAMES = {
    "genesis": "Beginning of the network",
    "validator": "Founding validator",
    "member": "New member",
    "pool": "New pool",
    "crosslink": "Pool committed",
    "attestation": "Votes of validators",
    "evidence": "Evidence",
    "slashing": "Proof of an offence",
    "ballot": "Vote on a motion",
    "rotation": "New keys of a validator",
    "restart": "Restart of the chain",
    "seal": "Seal of the block",
}

OFFENCES = {
    "double-vote": "voted for two different histories of one epoch",
    "surround-vote": "cast a vote that contradicts an earlier vote of its own",
    "inconsistent-heads": "signed two histories of one log that exclude each other",
    "pool-fork": "showed two histories of its own log, both signed",
    "beacon-fork": "has two histories, both signed with its key",
}

KINDS = {"pool": "the pool", "member": "the member", "validator": "the validator"}


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of an entry's page; `url` leads to what it names, `is_hash` is shown in groups of four digits."""

    label: str
    text: str
    url: str = ""
    is_hash: bool = False
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class EntryView:
    type: str
    title: str
    sentence: str
    facts: tuple[Fact, ...]
    text: str  # the entry, indented


@dataclass(frozen=True, slots=True)
class Cast:
    """Who stands behind the names and numbers of entries; `offenders` by the index of the entry that proves it."""

    names: Mapping[str, str]
    validators: tuple[str, ...] = ()
    offenders: Mapping[int, str] | None = None

    def party(self, name: str) -> str:
        return party_name(name, self.names)

    def parties(self, names: Iterable[str]) -> str:
        return wording.listed(self.party(name) for name in names)

    def voter(self, index: int) -> str:
        return self.party(self.validators[index]) if index < len(self.validators) else f"validator {index}"


def entry_view(found: api.Entry, cast: Cast) -> EntryView:
    """What an entry says, for people, and its own text."""
    pretty = json.dumps(json.loads(found.entry), indent=2, ensure_ascii=False)
    try:
        entry = parse_entry(found.entry.encode())
    except Malformed:
        return EntryView("unknown", "Entry of an unknown type", "This portal is older than the entry.", (), pretty)
    return EntryView(
        entry.TYPE, TYPE_NAMES[entry.TYPE], _sentence(entry, found, cast), tuple(_facts(entry, found, cast)), pretty
    )


def _sentence(entry: Entry, found: api.Entry, cast: Cast) -> str:
    match entry:
        case Genesis():
            return f"The network {entry.network} began with {_many(entry.validators, 'validator')}."
        case Validator():
            own = entry.registration
            return (
                f"{cast.party(own.name)} is one of the validators that founded the network, with weight {own.weight}."
            )
        case Member():
            return f"{cast.party(entry.name)} joined with its own key."
        case Pool():
            return f"{cast.party(entry.member)} opened the pool {entry.name}."
        case Crosslink():
            grown = entry.checkpoint.size - entry.parent.size
            return (
                f"The pool {entry.pool} committed to its log of {_many(entry.checkpoint.size, 'entry')}, "
                f"{grown:,} more than before. What they say is not here."
            )
        case Attestation():
            return (
                f"{_many(len(entry.votes), 'validator')} voted for the chain of {entry.size:,} entries, as it stood at "
                f"the beginning of epoch {entry.epoch:,}."
            )
        case Evidence():
            return f"{cast.party(entry.deposit.member)} deposited the fingerprint of a file."
        case Slashing():
            return offence_sentence(_kind(entry), (cast.offenders or {}).get(found.index), cast)
        case Ballot():
            ballot = entry.ballot
            return f"{cast.party(ballot.validator)} said yes to this motion: {motion_words(ballot.motion, cast)}."
        case Rotation():
            return f"{cast.party(entry.rotation.validator)} signs with new keys, beside or after the earlier ones."
        case Restart():
            content = entry.ballots[0].motion.content
            return (
                f"{_many(len(entry.ballots), 'validator')} restarted the chain after its first {content['size']} "
                f"entries, with a new key. What came after these is no part of it."
            )
        case Seal():
            return f"Block {entry.slot:,} was closed on {_moment(entry.time)}."


def _facts(entry: Entry, found: api.Entry, cast: Cast) -> Iterable[Fact]:
    match entry:
        case Genesis():
            yield Fact("Rules", f"preset {entry.preset}")
            yield Fact("Key of the chain", str(entry.key))
        case Validator():
            yield _validator(entry.registration.name, cast)
            yield Fact("Keys speak from", entry.registration.cosigners.not_before, is_time=True)
            yield Fact("until", entry.registration.cosigners.not_after, is_time=True)
        case Pool():
            yield _pool(entry.name)
        case Crosslink():
            yield _pool(entry.pool)
            yield Fact("Root of the pool's log", to_hex(entry.checkpoint.root), is_hash=True)
            yield Fact("Committee of epoch", f"{entry.epoch:,}", _to("epoch", number=entry.epoch))
            yield Fact("Signed by", cast.parties(cosigners(entry.note)) or "nobody")
        case Attestation():
            yield Fact("Epoch", f"{entry.epoch:,}", _to("epoch", number=entry.epoch))
            yield Fact("Who voted", wording.listed(cast.voter(vote.validator) for vote in entry.votes))
            yield Fact("For the root", to_hex(entry.root), is_hash=True)
        case Slashing():
            yield Fact("Reported by", cast.party(entry.reporter) if entry.reporter else "somebody without a name")
        case Ballot():
            yield _validator(entry.ballot.validator, cast)
            yield Fact("Counts until epoch", f"{entry.ballot.motion.expires:,}")
        case Rotation():
            yield _validator(entry.rotation.validator, cast)
            yield Fact("Keys speak from", entry.rotation.cosigners.not_before, is_time=True)
            yield Fact("until", entry.rotation.cosigners.not_after, is_time=True)
        case Restart():
            yield Fact("Who voted", cast.parties(ballot.validator for ballot in entry.ballots))
        case Seal():
            yield Fact("Root of the state", to_hex(entry.state), is_hash=True)
            if entry.previous is not None:
                yield Fact("Seal before", f"entry {entry.previous:,}", _to("entry", index=entry.previous))
        case Member() | Evidence():
            return


def evidence_file(found: api.Entry) -> bytes | None:
    """The file that proves the offence which this entry tells of; None of any other entry."""
    try:
        entry = parse_entry(found.entry.encode())
    except Malformed:
        return None
    return entry.proof.encode() if isinstance(entry, Slashing) else None


def offence_sentence(kind: str, offender: str | None, cast: Cast) -> str:
    who = cast.party(offender) if offender else "Somebody"
    if kind in ("pool-fork", "beacon-fork") and offender:
        who = f"The pool {offender}" if kind == "pool-fork" else f"The shared chain {offender}"
    return f"{who} {OFFENCES.get(kind, 'broke the rules, which is proven')}."


def motion_words(motion: Motion, cast: Cast) -> str:
    """What happens when the motion is carried."""
    name = motion.name
    match motion.action:
        case "join":
            return f"{cast.party(name)} becomes a validator with weight {motion.registration.weight}"
        case "leave":
            return f"the validator {cast.party(name)} leaves"
        case "parameter":
            return f"the network's number “{name}” becomes {motion.content['value']}"
        case "restart":
            return f"the chain is restarted after its first {motion.content['size']} entries, with a new key"
    who = f"{KINDS.get(str(motion.content['kind']), '')} {cast.party(name)}".strip()
    return f"{who} is suspended" if motion.action == "suspend" else f"{who} takes part again"


def cosigners(note: Note) -> tuple[str, ...]:
    """Names of the validators whose lines stand under a note, each once."""
    marker = validator_key_name("", "")
    found = (line.name.partition(marker)[2] for line in note.signatures)
    return tuple(dict.fromkeys(name for name in found if name))


@dataclass(frozen=True, slots=True)
class EpochLine:
    """An epoch in a list. `state` is final, justified, open or missed; `share` is the weight that voted, in percent."""

    number: int
    state: str
    word: str
    badge: str
    share: int
    voters: tuple[str, ...]
    missing: int
    entries: int
    crosslinks: int
    pools: tuple[tuple[str, int], ...]  # linked, with how many crosslinks
    time: str
    size: int
    root: bytes

    @property
    def expected(self) -> int:
        """How many validators could have signed."""
        return len(self.voters) + self.missing

    @property
    def share_label(self) -> str:
        return f"Weight that signed epoch {self.number:,}"


_STATES = {
    "final": ("final", "final"),
    "justified": ("justified", "justified"),
    "open": ("collecting signatures", "wait"),
    "missed": ("too few signatures", "bad"),
    "early": ("before the first vote counts", ""),
}
FIRST_COUNTED = 2  # epochs 0 and 1 justify nothing, as in phase 0


def epoch_line(
    epoch: api.EpochSummary, *, current: int, validators: int, crosslinks: Iterable[api.PlacedCrosslink] = ()
) -> EpochLine:
    """`current` is the epoch that has begun last; votes on the one before it may still come."""
    state = _state(epoch, current)
    word, badge = _STATES[state]
    pools: dict[str, int] = {}
    for link in crosslinks:
        if link.epoch == epoch.epoch:
            pools[link.pool] = pools.get(link.pool, 0) + 1
    return EpochLine(
        number=epoch.epoch,
        state=state,
        word=word,
        badge=badge,
        share=percent(epoch.voted, epoch.total),
        voters=epoch.voters,
        missing=max(0, validators - len(epoch.voters)),
        entries=epoch.entries,
        crosslinks=epoch.crosslinks,
        pools=tuple(sorted(pools.items())),
        time=epoch.time,
        size=epoch.size,
        root=epoch.root,
    )


def percent(part: int, whole: int) -> int:
    """Rounded down: two thirds are not reached by rounding."""
    return 100 * part // whole if whole else 0


def weight(balance: int) -> str:
    """32, or 31.97: units of weight."""
    return f"{balance / UNIT:,.2f}".rstrip("0").rstrip(".")


def _state(epoch: api.EpochSummary, current: int) -> str:
    if epoch.finalized:
        return "final"
    if epoch.justified:
        return "justified"
    if epoch.epoch < FIRST_COUNTED:
        return "early"
    return "open" if epoch.epoch >= current - 1 else "missed"


def _kind(entry: Slashing) -> str:
    try:
        content = json.loads(entry.proof)
    except ValueError:
        return ""
    match content:
        case {"kind": str(kind)}:
            return kind
    return ""


def _validator(name: str, cast: Cast) -> Fact:
    return Fact("Validator", cast.party(name), _to("validator", name=name))


def _pool(name: str) -> Fact:
    return Fact("Pool", name, _to("pool", name=name))


def _to(page: str, **arguments: object) -> str:
    return reverse(f"portal:{page}", kwargs=arguments)


def _many(number: int, what: str) -> str:
    plural = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{number:,} {what if number == 1 else plural}"


def _moment(time: str) -> str:
    return time.replace("T", ", ").replace("Z", " UTC")
