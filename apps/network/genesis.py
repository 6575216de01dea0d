"""A network's beginning: the keys of its beacon and validators, and the network file that names them.

VAR_DIR/keys/beacon.pem
VAR_DIR/keys/validators/<name>/ed25519.pem, mldsa44.pem, governance.pem
VAR_DIR/network.json
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from apps.network import key_files
from apps.network.errors import NetworkFileInvalid
from apps.network.network_file import PRESET, BeaconNode, NetworkFile, ValidatorNode, load, parse
from audit_chain.beacon.names import beacon_origin, is_name, is_network, member_key_name, validator_key_name
from audit_chain.encoding import to_time
from audit_chain.log.keys import CosignerEd25519, CosignerMLDSA44, NoteSigner, VerifierKey

VALIDITY = 2 * 365 * 24 * 3600  # seconds that a new validator's first keys are valid

__all__ = ["NetworkFile", "create", "load", "member_signer"]


class _Keys:
    """Key files of a network that is being founded."""

    ed25519 = staticmethod(key_files.ed25519_key)
    mldsa44 = staticmethod(key_files.mldsa44_key)


class _ExistingKeys(_Keys):
    """Key files of a network that exists: a lost key is an error, never a reason to make another."""

    ed25519 = staticmethod(partial(key_files.read_key, kind=Ed25519PrivateKey))
    mldsa44 = staticmethod(partial(key_files.read_key, kind=MLDSA44PrivateKey))


def create(
    var_dir: Path, *, network: str, beacon_url: str, validators: Sequence[tuple[str, str]], preset: str = PRESET
) -> NetworkFile:
    """The network of these validators (name, URL), of equal weight, in this order; made where it is not there yet.

    Safe to repeat: keys that exist are kept, addresses are brought up to date. Stopped half-way it leaves some of the
    keys and no network file; the next call goes on with them. Refuses to change who belongs to a network that exists:
    its genesis has been signed.
    """
    _refuse_unusable_names(network, [name for name, _ in validators])
    path = var_dir / "network.json"
    existing = load(path) if path.exists() else None
    keys = _ExistingKeys() if existing else _Keys()
    validity = {node.name: (node.not_before, node.not_after) for node in existing.validators} if existing else {}
    wanted = NetworkFile(
        network=network,
        beacon=BeaconNode(url=beacon_url, key=_beacon_key(keys, var_dir, network)),
        validators=tuple(
            _validator(keys, var_dir, network, name, url, validity.get(name) or _validity()) for name, url in validators
        ),
        preset=preset,
    )
    if existing:
        _refuse_other_genesis(existing, wanted, path)
        wanted = _with_addresses(existing, wanted)
    content = wanted.render()
    parse(content)
    if not existing or path.read_bytes() != content:
        key_files.replace_durably(path, content)
    return wanted


def member_signer(path: Path, *, network: str, name: str) -> NoteSigner:
    """The signer of a member's deposits, with the key at `path`, made first where there is none."""
    _refuse_unusable_names(network, [name])
    return NoteSigner(member_key_name(network, name), key_files.ed25519_key(path))


def _beacon_key(keys: _Keys, var_dir: Path, network: str) -> VerifierKey:
    return NoteSigner(beacon_origin(network), keys.ed25519(var_dir / "keys" / "beacon.pem")).verifier_key


def _validator(
    keys: _Keys, var_dir: Path, network: str, name: str, url: str, validity: tuple[str, str]
) -> ValidatorNode:
    folder = var_dir / "keys" / "validators" / name
    key_name = validator_key_name(network, name)
    own = (
        CosignerEd25519(key_name, keys.ed25519(folder / "ed25519.pem")).verifier_key,
        CosignerMLDSA44(key_name, keys.mldsa44(folder / "mldsa44.pem")).verifier_key,
    )
    governance = NoteSigner(key_name, keys.ed25519(folder / "governance.pem")).verifier_key
    not_before, not_after = validity
    return ValidatorNode(
        name=name, url=url, keys=own, governance=governance, not_before=not_before, not_after=not_after
    )


def _validity() -> tuple[str, str]:
    """From now on, for two years."""
    now = int(time.time())
    return to_time(now), to_time(now + VALIDITY)


def _refuse_unusable_names(network: str, names: Sequence[str]) -> None:
    if not is_network(network):
        raise NetworkFileInvalid(
            f"{network!r} cannot name a network; expected lower-case letters, digits, dots and hyphens"
        )
    for name in names:
        if not is_name(name):
            raise NetworkFileInvalid(
                f"{name!r} cannot name a node or member; expected lower-case letters, digits and hyphens"
            )


def _refuse_other_genesis(existing: NetworkFile, wanted: NetworkFile, path: Path) -> None:
    if existing.genesis_entries() != wanted.genesis_entries():
        raise NetworkFileInvalid(
            f"{path} describes the network {existing.network} with other members or keys; "
            "a network's founders cannot be changed: use another VAR_DIR, or remove this one"
        )


def _with_addresses(existing: NetworkFile, wanted: NetworkFile) -> NetworkFile:
    """The existing network, with whatever came to it after its genesis, at the wanted addresses."""
    urls = {node.name: node.url for node in wanted.validators}
    return replace(
        existing,
        beacon=replace(existing.beacon, url=wanted.beacon.url),
        validators=tuple(replace(node, url=urls.get(node.name, node.url)) for node in existing.validators),
    )
