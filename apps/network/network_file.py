"""The network file: who runs the beacon and the validators, where they answer, and with which keys.

    {
      "beacon": {"key": "tallystick.local/beacon+1f3c...", "url": "http://127.0.0.1:8001"},
      "network": "tallystick.local",
      "validators": [
        {"keys": ["tallystick.local/validator/meridian-bank+...", "..."], "name": "meridian-bank",
         "url": "http://127.0.0.1:8101", "weight": 1}
      ]
    }

Names, keys and weights are the network's genesis and never change here; addresses may.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.network.errors import NetworkFileInvalid
from audit_chain.beacon.entries import Genesis, GenesisValidator, parse_entry
from audit_chain.beacon.names import beacon_origin
from audit_chain.errors import AuditChainError
from audit_chain.log.keys import COSIGN_ED25519, COSIGN_MLDSA44, NOTE_ED25519, VerifierKey
from audit_chain.log.policy import TrustPolicy

URL = re.compile(r"https?://[^\s/?#@]+(?:/[^\s?#]*)?")


@dataclass(frozen=True, slots=True)
class BeaconNode:
    url: str
    key: VerifierKey


@dataclass(frozen=True, slots=True)
class ValidatorNode:
    """One validator; `keys` are its Ed25519 and its ML-DSA-44 cosigner key, in this order."""

    name: str
    url: str
    keys: tuple[VerifierKey, ...]
    weight: int


@dataclass(frozen=True, slots=True)
class NetworkFile:
    network: str
    beacon: BeaconNode
    validators: tuple[ValidatorNode, ...]

    def policy(self) -> TrustPolicy:
        """What a verifier has to trust: the beacon's key and two thirds of the validators."""
        return TrustPolicy.for_network(
            self.beacon.key, [(validator.name, list(validator.keys)) for validator in self.validators]
        )

    def genesis(self) -> Genesis:
        validators = tuple(
            GenesisValidator(name=validator.name, keys=validator.keys, weight=validator.weight)
            for validator in self.validators
        )
        return Genesis(network=self.network, validators=validators)

    def genesis_entry(self) -> bytes:
        """The beacon log's entry 0."""
        return self.genesis().encode()

    def validator(self, name: str) -> ValidatorNode:
        for validator in self.validators:
            if validator.name == name:
                return validator
        raise NetworkFileInvalid(
            f"no validator {name!r} in network {self.network}; it has {', '.join(v.name for v in self.validators)}"
        )

    def render(self) -> bytes:
        document = {
            "beacon": {"key": str(self.beacon.key), "url": self.beacon.url},
            "network": self.network,
            "validators": [
                {
                    "keys": [str(key) for key in validator.keys],
                    "name": validator.name,
                    "url": validator.url,
                    "weight": validator.weight,
                }
                for validator in self.validators
            ],
        }
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
    file = NetworkFile(
        network=network,
        beacon=BeaconNode(
            url=_url(beacon), key=_key(_member(beacon, "key", str), beacon_origin(network), NOTE_ED25519)
        ),
        validators=tuple(_validator(item, network) for item in _member(document, "validators", list)),
    )
    _refuse_unusable_genesis(file)
    return file


def validator_key_name(network: str, name: str) -> str:
    """Name of a validator's cosigner keys."""
    return f"{network}/validator/{name}"


def _validator(item: object, network: str) -> ValidatorNode:
    name = _member(item, "name", str)
    keys = _member(item, "keys", list)
    kinds = (COSIGN_ED25519, COSIGN_MLDSA44)
    if len(keys) != len(kinds):
        raise NetworkFileInvalid(f"validator {name}: expected an Ed25519 and an ML-DSA-44 key, got {len(keys)} keys")
    return ValidatorNode(
        name=name,
        url=_url(item),
        keys=tuple(_key(key, validator_key_name(network, name), kind) for key, kind in zip(keys, kinds, strict=True)),
        weight=_member(item, "weight", int),
    )


def _refuse_unusable_genesis(file: NetworkFile) -> None:
    try:
        parse_entry(file.genesis_entry())
    except AuditChainError as problem:
        raise NetworkFileInvalid(f"no network begins like this: {problem}") from None
    if len({validator.weight for validator in file.validators}) != 1:
        # A C2SP trust policy counts witnesses. Weights that differ would be final for us and not for a verifier.
        raise NetworkFileInvalid("weights of the validators: expected all equal")


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


def _member(document: object, member: str, kind: type) -> Any:
    if not isinstance(document, dict) or member not in document:
        raise NetworkFileInvalid(f"{member!r} is missing")
    value = document[member]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise NetworkFileInvalid(f"{member}: expected {kind.__name__}, got {type(value).__name__}")
    return value
