"""The network file: who runs the beacon and the validators, where they answer, and with which keys.

    {
      "beacon": {"key": "tallystick.local/beacon+1f3c...", "url": "http://127.0.0.1:8001"},
      "network": "tallystick.local",
      "preset": "consortium",
      "validators": [
        {"governance": "tallystick.local/validator/meridian-bank+...",
         "keys": ["tallystick.local/validator/meridian-bank+...", "..."], "name": "meridian-bank",
         "not_after": "2028-11-22T00:00:00Z", "not_before": "2026-11-22T00:00:00Z",
         "url": "http://127.0.0.1:8101", "weight": 32}
      ]
    }

What the founders have here is the network's genesis and never changes; addresses may. Members that may be missing:

    "earlier"     keys of the beacon's log before its restarts, the oldest first
    "witnesses"   [{"key": "...", "name": "...", "url": "..."}]    who cosigns beside the validators, and has no vote

and, of a validator, "rotated": key sets that came after the first; "joined": true for one that was voted in later.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from apps.network.errors import NetworkFileInvalid
from audit_chain.beacon.entries import Genesis, Validator, parse_entry
from audit_chain.beacon.key_set import KeySet
from audit_chain.beacon.motion import Registration
from audit_chain.beacon.names import beacon_origin, is_name, validator_key_name
from audit_chain.errors import AuditChainError
from audit_chain.log.keys import COSIGN_ED25519, COSIGN_MLDSA44, NOTE_ED25519, VerifierKey
from audit_chain.log.policy import TrustPolicy

URL = re.compile(r"https?://[^\s/?#@]+(?:/[^\s?#]*)?")
PRESET = "consortium"
WEIGHT = 32  # units, of each founder

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BeaconNode:
    url: str
    key: VerifierKey


@dataclass(frozen=True, slots=True)
class ValidatorNode:
    """One validator; `keys` are its first Ed25519 and ML-DSA-44 cosigner keys, in this order."""

    name: str
    url: str
    keys: tuple[VerifierKey, ...]
    governance: VerifierKey
    not_before: str
    not_after: str
    weight: int = WEIGHT
    rotated: tuple[KeySet, ...] = ()
    joined: bool = False

    @property
    def key_sets(self) -> tuple[KeySet, ...]:
        """All of its key sets, the first one first."""
        return (KeySet(self.keys, self.not_before, self.not_after), *self.rotated)

    @property
    def all_keys(self) -> tuple[VerifierKey, ...]:
        return tuple(key for keys in self.key_sets for key in keys.keys)

    @property
    def registration(self) -> Registration:
        return Registration(self.name, self.key_sets[0], self.governance, self.weight)


@dataclass(frozen=True, slots=True)
class WitnessNode:
    """A witness that is no validator: it cosigns what extends what it cosigned before."""

    name: str
    url: str
    key: VerifierKey

    @property
    def all_keys(self) -> tuple[VerifierKey, ...]:
        return (self.key,)


@dataclass(frozen=True, slots=True)
class NetworkFile:
    network: str
    beacon: BeaconNode
    validators: tuple[ValidatorNode, ...]
    preset: str = PRESET
    earlier: tuple[VerifierKey, ...] = ()
    witnesses: tuple[WitnessNode, ...] = ()

    @property
    def beacon_keys(self) -> tuple[VerifierKey, ...]:
        """Keys of the beacon's log, the present one first, then those before its restarts, the latest first."""
        return (self.beacon.key, *reversed(self.earlier))

    def policy(self) -> TrustPolicy:
        """What a verifier has to trust: the beacon's keys and two thirds of the validators."""
        return TrustPolicy.for_network(
            self.beacon_keys,
            [
                (
                    validator.name,
                    [(key, keys.not_before, keys.not_after) for keys in validator.key_sets for key in keys.keys],
                )
                for validator in self.validators
            ],
        )

    def genesis_entries(self) -> list[bytes]:
        """The first entries of the beacon's log: the genesis and the founding validators."""
        founders = [validator for validator in self.validators if not validator.joined]
        genesis = Genesis(network=self.network, preset=self.preset, key=self.beacon_keys[-1], validators=len(founders))
        return [genesis.encode(), *(Validator(founder.registration).encode() for founder in founders)]

    def restarted(self, key: VerifierKey) -> "NetworkFile":
        """This network after its beacon was restarted with that key, which is named after the next origin."""
        origin = beacon_origin(self.network, len(self.earlier) + 1)
        if (key.name, key.kind) != (origin, NOTE_ED25519):
            raise NetworkFileInvalid(f"expected a key of kind {NOTE_ED25519} named {origin}, got {key.name}")
        return replace(self, beacon=replace(self.beacon, key=key), earlier=(*self.earlier, self.beacon.key))

    def rotated(self, name: str, keys: KeySet) -> "NetworkFile":
        """This network with one more key set of that validator; the same where it has it already."""
        node = self.validator(name)
        if keys in node.key_sets:
            return self
        changed = replace(node, rotated=(*node.rotated, keys))
        return replace(self, validators=tuple(changed if one is node else one for one in self.validators))

    def validator(self, name: str) -> ValidatorNode:
        for validator in self.validators:
            if validator.name == name:
                return validator
        raise NetworkFileInvalid(
            f"no validator {name!r} in network {self.network}; it has {', '.join(v.name for v in self.validators)}"
        )

    def render(self) -> bytes:
        document: dict[str, Any] = {"beacon": {"key": str(self.beacon.key), "url": self.beacon.url}}
        if self.earlier:
            document["earlier"] = [str(key) for key in self.earlier]
        document["network"] = self.network
        document["preset"] = self.preset
        document["validators"] = [_validator_to_json(validator) for validator in self.validators]
        if self.witnesses:
            document["witnesses"] = [
                {"key": str(witness.key), "name": witness.name, "url": witness.url} for witness in self.witnesses
            ]
        return (json.dumps(document, indent=2) + "\n").encode()


def load(path: Path) -> NetworkFile:
    """The network file at `path`; NetworkFileInvalid says what is wrong with it."""
    try:
        return parse(path.read_bytes())
    except OSError as problem:
        raise NetworkFileInvalid(f"cannot read the network file {path}: {problem.strerror}") from None
    except NetworkFileInvalid as problem:
        raise NetworkFileInvalid(f"{path}: {problem}") from None


def parse(data: bytes) -> NetworkFile:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise NetworkFileInvalid("not JSON") from None
    network = _member(document, "network", str)
    beacon = _member(document, "beacon", dict)
    earlier = _optional(document, "earlier", list, [])
    key = _key(_member(beacon, "key", str), beacon_origin(network, len(earlier)), NOTE_ED25519)
    file = NetworkFile(
        network=network,
        beacon=BeaconNode(url=_url(beacon), key=key),
        validators=tuple(_validator(item, network) for item in _member(document, "validators", list)),
        preset=_member(document, "preset", str),
        earlier=tuple(
            _key(text, beacon_origin(network, restarts), NOTE_ED25519) for restarts, text in enumerate(earlier)
        ),
        witnesses=tuple(_witness(item) for item in _optional(document, "witnesses", list, [])),
    )
    _refuse_unusable_genesis(file)
    _refuse_ambiguous_names(file)
    return file


def _validator_to_json(validator: ValidatorNode) -> dict[str, object]:
    further: dict[str, object] = {}
    if validator.rotated:
        further["rotated"] = [keys.to_json() for keys in validator.rotated]
    if validator.joined:
        further["joined"] = True
    return {**validator.registration.to_json(), "url": validator.url, **further}


def _validator(item: object, network: str) -> ValidatorNode:
    name = _member(item, "name", str)
    key_name = validator_key_name(network, name)
    keys, *rotated = [
        _key_set(item, key_name),
        *(_key_set(later, key_name) for later in _optional(item, "rotated", list, [])),
    ]
    return ValidatorNode(
        name=name,
        url=_url(item),
        keys=keys.keys,
        governance=_key(_member(item, "governance", str), key_name, NOTE_ED25519),
        not_before=keys.not_before,
        not_after=keys.not_after,
        weight=_member(item, "weight", int),
        rotated=tuple(rotated),
        joined=_optional(item, "joined", bool, False),
    )


def _key_set(item: object, key_name: str) -> KeySet:
    keys = _member(item, "keys", list)
    kinds = (COSIGN_ED25519, COSIGN_MLDSA44)
    if len(keys) != len(kinds):
        raise NetworkFileInvalid(f"{key_name}: expected an Ed25519 and an ML-DSA-44 key, got {len(keys)} keys")
    for key, kind in zip(keys, kinds, strict=True):
        _key(key, key_name, kind)
    times = {member: _member(item, member, str) for member in ("not_after", "not_before")}
    return _checked(lambda: KeySet.from_json({"keys": keys, **times}))


def _witness(item: object) -> WitnessNode:
    text = _member(item, "key", str)
    key = _checked(lambda: VerifierKey.parse(text))
    if key.kind not in (COSIGN_ED25519, COSIGN_MLDSA44):
        raise NetworkFileInvalid(
            f"key of a witness: expected kind {COSIGN_ED25519} or {COSIGN_MLDSA44}, got {key.kind}"
        )
    name = _member(item, "name", str)
    if not is_name(name):
        raise NetworkFileInvalid(f"name of a witness: expected lower-case letters, digits and hyphens, got {name!r}")
    return WitnessNode(name=name, url=_url(item), key=key)


def _refuse_unusable_genesis(file: NetworkFile) -> None:
    try:
        for entry in file.genesis_entries():
            parse_entry(entry)
    except AuditChainError as problem:
        raise NetworkFileInvalid(f"no network begins like this: {problem}") from None
    if len({validator.weight for validator in file.validators}) != 1:
        # A C2SP trust policy counts witnesses. Weights that differ would be final for us and not for a verifier.
        raise NetworkFileInvalid("weights of the validators: expected all equal")


def _refuse_ambiguous_names(file: NetworkFile) -> None:
    _refuse_twice("name", [node.name for node in file.validators] + [node.name for node in file.witnesses])
    keys = [key.public for node in file.validators for key in (*node.all_keys, node.governance)]
    _refuse_twice("key", [*keys, *(node.key.public for node in file.witnesses)])


def _refuse_twice(what: str, values: Sequence[object]) -> None:
    if len(set(values)) != len(values):
        raise NetworkFileInvalid(
            f"each validator and witness has its own {what}: expected {len(values)} of them, got fewer"
        )


def _checked(read: Callable[[], T]) -> T:
    try:
        return read()
    except AuditChainError as problem:
        raise NetworkFileInvalid(str(problem)) from None


def _key(text: object, name: str, kind: int) -> VerifierKey:
    if not isinstance(text, str):
        raise NetworkFileInvalid(f"key of {name}: expected a verifier key, got {type(text).__name__}")
    try:
        key = VerifierKey.parse(text)
    except AuditChainError as problem:
        raise NetworkFileInvalid(f"key of {name}: {problem}") from None
    if (key.name, key.kind) != (name, kind):
        raise NetworkFileInvalid(f"expected a key of kind {kind} named {name}, got kind {key.kind} named {key.name}")
    return key


def _url(document: object) -> str:
    url: str = _member(document, "url", str)
    if not URL.fullmatch(url):
        raise NetworkFileInvalid(f"url: expected http(s)://host[:port][/path], got {url!r}")
    return url


def _optional(document: object, member: str, kind: type, default: Any) -> Any:
    if isinstance(document, dict) and member not in document:
        return default
    return _member(document, member, kind)


def _member(document: object, member: str, kind: type) -> Any:
    if not isinstance(document, dict) or member not in document:
        raise NetworkFileInvalid(f"{member!r} is missing")
    value = document[member]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise NetworkFileInvalid(f"{member}: expected {kind.__name__}, got {type(value).__name__}")
    return value
