"""Alerts in words: what each means, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass

from apps.network.beacon_api import Alert
from apps.portal.verdicts import party_name
from audit_chain.beacon.names import is_name


@dataclass(frozen=True, slots=True)
class AlertView:
    title: str
    detail: str
    subject: str
    meaning: str
    deed: str
    badge: str
    is_grave: bool
    since: str
    cleared: str | None
    evidence: str


@dataclass(frozen=True, slots=True)
class _Words:
    title: str
    meaning: str
    deed: str
    is_grave: bool = False


_WORDS: Mapping[str, _Words] = {
    "fork": _Words(
        "Two histories of one log",
        "Somebody signed two histories that exclude each other, so different people may have been shown different "
        "things. The signatures themselves prove it.",
        "Keep the evidence file and verify it on a computer of your own. Rely on final entries only. If it is the "
        "shared chain, its validators restart it from the last final point under a new key; if it is a pool, they can "
        "suspend it.",
        is_grave=True,
    ),
    "rolled-back": _Words(
        "The shared chain has gone back",
        "Its node shows fewer entries than it has signed. Whatever it adds from here on contradicts what the "
        "validators hold, and they sign none of it.",
        "Call the operator of the beacon: a newer copy of its database has to be put back. What was final before "
        "stays proven.",
        is_grave=True,
    ),
    "unexpected-signer": _Words(
        "A signature with a key that nobody registered",
        "Somebody signs in the name of a node with another key than the network knows. Such signatures count for "
        "nothing.",
        "Ask the node's operator whether keys were changed and not registered. If not, its machine may be taken over.",
        is_grave=True,
    ),
    "finality-stalled": _Words(
        "Nothing becomes final",
        "Fewer than two thirds of the validators' weight vote. Entries are kept and not lost, but nobody can prove "
        "the newest ones yet.",
        "See below which validators are missing, and call their operators. Who stays away loses weight, so the chain "
        "goes on by itself in the end.",
        is_grave=True,
    ),
    "beacon-silent": _Words(
        "The shared chain does not move",
        "Its node seals no blocks or does not answer. Pools go on storing, and catch up afterwards.",
        "Call the operator of the beacon.",
        is_grave=True,
    ),
    "missing-vote": _Words(
        "A validator has not voted",
        "Its vote on a past epoch is missing. While two thirds vote, everything still becomes final.",
        "Ask the operator if it goes on. A validator that stays away loses weight.",
    ),
    "validator-stopped": _Words(
        "A validator has stopped signing",
        "It found something on the chain that does not hold against its own check, and stopped as it should.",
        "Ask its operator what the node says: its status names what differs, and the command that checks it again.",
        is_grave=True,
    ),
    "validator-unreachable": _Words(
        "A validator does not answer",
        "Its node or the way to it is down.",
        "Call its operator.",
    ),
    "late-crosslink": _Words(
        "A pool is late",
        "Validators signed a newer state of the pool, which has not arrived on the shared chain.",
        "Ask the pool's operator. Until then nobody can prove its newest records.",
    ),
    "missing-crosslink": _Words(
        "A pool has been quiet for long",
        "It has committed to nothing for longer than is usual. A pool with nothing new sends nothing.",
        "Ask the enterprise whether it has had no business, or whether its node stands still.",
    ),
    "key-ending": _Words(
        "Keys end soon",
        "After their end the validator's signatures count for nothing.",
        "Ask its operator to change the keys in time.",
    ),
}
_OTHER = _Words("Something is not as it should be", "This portal is older than this kind of alert.", "See the detail.")


def alert_view(alert: Alert, names: Mapping[str, str]) -> AlertView:
    words = _WORDS.get(alert.kind, _OTHER)
    badge = "" if alert.cleared else "bad" if words.is_grave else "wait"
    return AlertView(
        title=words.title,
        detail=alert.detail,
        subject=alert.subject if not is_name(alert.subject) else party_name(alert.subject, names),
        meaning=words.meaning,
        deed=words.deed,
        badge=badge,
        is_grave=words.is_grave,
        since=alert.since,
        cleared=alert.cleared,
        evidence=alert.evidence or "",
    )
