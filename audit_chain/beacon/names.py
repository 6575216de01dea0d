"""Names on a network: who may be called what, and what logs and keys are called after whom.

tallystick.local/beacon                     the beacon's log and its key
tallystick.local/pool/northwind-parts       a pool's log and its key
tallystick.local/member/commercial-court    a member's key, which signs deposits
tallystick.local/validator/meridian-bank    a validator's keys, which cosign
tallystick.local/evidence                   first line of a deposit
tallystick.local/ballot                     first line of a ballot
tallystick.local/rotation                   first line of a rotation of keys

A beacon that was restarted goes on under the next origin: tallystick.local/beacon-1, then beacon-2.
"""

import re
from typing import Final

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NETWORK: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,125}[a-z0-9])?")
_BEACON: Final = re.compile(r"(.+)/beacon(?:-([1-9][0-9]{0,8}))?")


def is_name(text: str) -> bool:
    """Whether a pool, member or validator may be called so: a DNS label (RFC 1123, Section 2.1) in lowercase."""
    return _NAME.fullmatch(text) is not None


def is_network(text: str) -> bool:
    """Whether a network may be called so: lowercase letters, digits, dots and hyphens."""
    return _NETWORK.fullmatch(text) is not None


def beacon_origin(network: str, restarts: int = 0) -> str:
    """Origin of the beacon's log, after so many restarts."""
    return f"{network}/beacon-{restarts}" if restarts else f"{network}/beacon"


def pool_origin(network: str, pool: str) -> str:
    return f"{network}/pool/{pool}"


def member_key_name(network: str, member: str) -> str:
    return f"{network}/member/{member}"


def validator_key_name(network: str, validator: str) -> str:
    return f"{network}/validator/{validator}"


def evidence_header(network: str) -> str:
    return f"{network}/evidence"


def ballot_header(network: str) -> str:
    return f"{network}/ballot"


def rotation_header(network: str) -> str:
    return f"{network}/rotation"


def network_of(origin: str) -> str | None:
    """The network whose beacon has that origin, before or after a restart; None where no beacon has."""
    match = _BEACON.fullmatch(origin)
    return match[1] if match and is_network(match[1]) else None
