"""Founding a network, and reading what was founded."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.network.errors import NetworkFileInvalid
from apps.network.genesis import create, load, member_signer
from apps.network.key_files import read_key
from apps.network.network_file import NetworkFile, parse
from audit_chain.beacon.entries import Genesis, Validator, parse_entry
from audit_chain.beacon.key_set import KeySet
from audit_chain.log.keys import CosignerEd25519, CosignerMLDSA44, NoteSigner, private_key_pem
from audit_chain.testing import mldsa44_key
from tests.nodes.cast import key_of

FOUNDERS = [("bank", "http://127.0.0.1:8101"), ("court", "http://127.0.0.1:8102"), ("chamber", "http://127.0.0.1:8103")]


def found(var_dir: Path, founders: list[tuple[str, str]] = FOUNDERS, beacon_url: str = "http://x:8001") -> NetworkFile:
    return create(var_dir, network="test.example", beacon_url=beacon_url, validators=founders)


def test_what_is_founded_is_what_is_read(tmp_path: Path) -> None:
    network = found(tmp_path)
    assert load(tmp_path / "network.json") == network
    assert [node.name for node in network.validators] == ["bank", "court", "chamber"]
    genesis, *founders = map(parse_entry, network.genesis_entries())
    assert isinstance(genesis, Genesis)
    assert (genesis.network, genesis.preset, genesis.validators) == ("test.example", "consortium", 3)
    assert [founder.registration.name for founder in founders if isinstance(founder, Validator)] == [
        "bank",
        "court",
        "chamber",
    ]


def test_the_policy_asks_for_two_thirds_of_the_validators(tmp_path: Path) -> None:
    policy = found(tmp_path).policy()
    assert policy.satisfied_by(["bank-ed25519", "court-mldsa44"])
    assert not policy.satisfied_by(["bank-ed25519", "bank-mldsa44"])


def test_founding_again_changes_nothing(tmp_path: Path) -> None:
    found(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    found(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_every_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    found(tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 1 + 2 + 4 * len(FOUNDERS)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_every_key_is_encrypted_and_every_node_has_a_passphrase_of_its_own(tmp_path: Path) -> None:
    found(tmp_path)
    pems = list((tmp_path / "keys").rglob("*.pem"))
    assert all(path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") for path in pems)
    passphrases = [path.read_bytes() for path in (tmp_path / "keys").rglob("passphrase")]
    assert len(set(passphrases)) == len(passphrases) == 1 + len(FOUNDERS)


def test_a_passphrase_may_come_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("of at least twenty bytes\n")
    monkeypatch.setenv("KEY_PASSPHRASE_FILE", str(tmp_path / "secret"))
    network = found(tmp_path)
    assert not list(tmp_path.rglob("passphrase"))
    monkeypatch.delenv("KEY_PASSPHRASE_FILE")
    with pytest.raises(NetworkFileInvalid, match="cannot read the passphrase"):
        found(tmp_path)
    monkeypatch.setenv("KEY_PASSPHRASE", "another one of twenty bytes")
    with pytest.raises(NetworkFileInvalid, match="cannot be decrypted"):
        found(tmp_path)
    monkeypatch.setenv("KEY_PASSPHRASE", "too short")
    with pytest.raises(NetworkFileInvalid, match="too short"):
        found(tmp_path)
    monkeypatch.setenv("KEY_PASSPHRASE", "of at least twenty bytes")
    assert found(tmp_path) == network


def test_a_key_that_its_operator_left_unencrypted_is_read(tmp_path: Path) -> None:
    network = found(tmp_path)
    path = tmp_path / "keys" / "beacon.pem"
    path.write_bytes(private_key_pem(read_key(path, Ed25519PrivateKey)))
    assert found(tmp_path) == network


def test_a_founding_that_was_stopped_goes_on_with_the_keys_it_made(tmp_path: Path) -> None:
    network = found(tmp_path)
    (tmp_path / "network.json").unlink()
    (tmp_path / "keys" / "validators" / "court" / "mldsa44.pem").unlink()
    again = found(tmp_path)
    assert again.beacon == network.beacon
    assert again.validator("bank") == network.validator("bank")
    assert again.validator("court") != network.validator("court")


def test_addresses_may_change(tmp_path: Path) -> None:
    network = found(tmp_path)
    moved = found(tmp_path, beacon_url="https://beacon.example/chain")
    assert moved.genesis_entries() == network.genesis_entries()
    assert load(tmp_path / "network.json").beacon.url == "https://beacon.example/chain"


@pytest.mark.parametrize("founders", [FOUNDERS[:2], FOUNDERS[::-1], [*FOUNDERS, ("port", "http://x")]])
def test_founders_may_not_change(tmp_path: Path, founders: list[tuple[str, str]]) -> None:
    found(tmp_path)
    with pytest.raises(NetworkFileInvalid):
        found(tmp_path, founders)
    assert [node.name for node in load(tmp_path / "network.json").validators] == ["bank", "court", "chamber"]


@pytest.mark.parametrize("lost", ["beacon.pem", "validators/court/ed25519.pem", "validators/court/mldsa44.pem"])
def test_a_lost_key_is_not_replaced_by_another(tmp_path: Path, lost: str) -> None:
    found(tmp_path)
    (tmp_path / "keys" / lost).unlink()
    with pytest.raises(NetworkFileInvalid, match="cannot read the key"):
        found(tmp_path)
    assert not (tmp_path / "keys" / lost).exists()


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    found(tmp_path)
    folder = tmp_path / "keys" / "validators" / "court"
    (folder / "mldsa44.pem").write_bytes((folder / "ed25519.pem").read_bytes())
    with pytest.raises(NetworkFileInvalid, match="another kind of key"):
        found(tmp_path)


def test_a_members_signer_is_the_same_every_time(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "members" / "acme.pem"
    signer = member_signer(path, network="test.example", name="acme")
    assert signer.name == "test.example/member/acme"
    assert member_signer(path, network="test.example", name="acme").verifier_key == signer.verifier_key


@pytest.mark.parametrize("name", ["", "Bank", "a b", "-a", "a/b", "a\n", "ä"])
def test_names_that_no_key_can_bear_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(NetworkFileInvalid):
        found(tmp_path, [(name, "http://x")])


WITNESS = {
    "key": str(CosignerEd25519("witness.example/one", key_of(7)).verifier_key),
    "name": "notary",
    "url": "http://127.0.0.1:7380",
}


def test_witnesses_are_read_and_do_not_count(tmp_path: Path) -> None:
    document = json.loads(found(tmp_path).render())
    network = parse(json.dumps(document | {"witnesses": [WITNESS]}).encode())
    (witness,) = network.witnesses
    assert (witness.name, witness.url, str(witness.key)) == (WITNESS["name"], WITNESS["url"], WITNESS["key"])
    assert network.policy() == found(tmp_path).policy()
    assert network.genesis_entries() == found(tmp_path).genesis_entries()
    assert parse(network.render()) == network


def test_witnesses_that_were_added_stay(tmp_path: Path) -> None:
    document = json.loads(found(tmp_path).render())
    (tmp_path / "network.json").write_text(json.dumps(document | {"witnesses": [WITNESS]}))
    assert [witness.name for witness in found(tmp_path).witnesses] == ["notary"]
    assert [witness.name for witness in load(tmp_path / "network.json").witnesses] == ["notary"]


def test_a_restarted_beacon_keeps_its_genesis_and_its_earlier_key(tmp_path: Path) -> None:
    network = found(tmp_path)
    key = NoteSigner("test.example/beacon-1", key_of(8)).verifier_key
    restarted = network.restarted(key)
    assert parse(restarted.render()) == restarted
    assert restarted.genesis_entries() == network.genesis_entries()
    assert [log.key for log in restarted.policy().logs] == [key, network.beacon.key]
    with pytest.raises(NetworkFileInvalid, match="beacon-2"):
        restarted.restarted(key)


def test_rotated_keys_speak_beside_the_first_ones(tmp_path: Path) -> None:
    network = found(tmp_path)
    name = "test.example/validator/court"
    new = CosignerEd25519(name, key_of(9)).verifier_key, CosignerMLDSA44(name, mldsa44_key(9)).verifier_key
    keys = KeySet(new, "2027-01-01T00:00:00Z", "2029-01-01T00:00:00Z")
    rotated = network.rotated("court", keys)
    assert parse(rotated.render()) == rotated
    assert rotated.rotated("court", keys) == rotated
    assert rotated.genesis_entries() == network.genesis_entries()
    assert rotated.validator("court").all_keys == (*network.validator("court").keys, *new)
    assert {witness.key for witness in rotated.policy().witnesses} >= set(rotated.validator("court").all_keys)


def test_what_came_later_stays_when_addresses_change(tmp_path: Path) -> None:
    key = NoteSigner("test.example/beacon-1", key_of(8)).verifier_key
    restarted = found(tmp_path).restarted(key)
    (tmp_path / "network.json").write_bytes(restarted.render())
    assert found(tmp_path, beacon_url="http://y:8001").earlier == restarted.earlier
    assert load(tmp_path / "network.json").beacon.key == key


def test_a_validator_that_joined_later_is_no_founder(tmp_path: Path) -> None:
    network = found(tmp_path)
    document = json.loads(network.render())
    document["validators"][2]["joined"] = True
    joined = parse(json.dumps(document).encode())
    assert parse(joined.render()) == joined
    assert len(joined.genesis_entries()) == 3
    assert joined.policy() == network.policy()


def _swap_keys(document: Any) -> None:
    bank, court = document["validators"][:2]
    bank["keys"], court["keys"] = court["keys"], bank["keys"]


SPOILT: dict[str, Callable[[Any], object]] = {
    "no network": lambda document: document.pop("network"),
    "no beacon": lambda document: document.pop("beacon"),
    "network is a number": lambda document: document.update(network=1),
    "another network": lambda document: document.update(network="other.example"),
    "beacon's key cut": lambda document: document["beacon"].update(key=document["beacon"]["key"][:-4]),
    "beacon's key is a validator's": lambda document: document["beacon"].update(
        key=document["validators"][0]["keys"][0]
    ),
    "address without a scheme": lambda document: document["beacon"].update(url="127.0.0.1:8001"),
    "address with a query": lambda document: document["beacon"].update(url="http://x/?a=b"),
    "no validators": lambda document: document.update(validators=[]),
    "a validator twice": lambda document: document["validators"].append(document["validators"][0]),
    "keys exchanged": _swap_keys,
    "keys in another order": lambda document: document["validators"][0]["keys"].reverse(),
    "one key": lambda document: document["validators"][0]["keys"].pop(),
    "no preset": lambda document: document.pop("preset"),
    "an unknown preset": lambda document: document.update(preset="huge"),
    "no governance key": lambda document: document["validators"][0].pop("governance"),
    "governance by a cosigner's key": lambda document: document["validators"][0].update(
        governance=document["validators"][0]["keys"][0]
    ),
    "one governance key for two": lambda document: document["validators"][0].update(
        governance=document["validators"][1]["governance"]
    ),
    "valid until before it begins": lambda document: document["validators"][0].update(not_after="2020-01-01T00:00:00Z"),
    "a validity that is no time": lambda document: document["validators"][0].update(not_before="now"),
    "no validity": lambda document: document["validators"][0].pop("not_after"),
    "an earlier key without a restart": lambda document: document.update(earlier=[document["beacon"]["key"]]),
    "a key set that is none": lambda document: document["validators"][0].update(rotated=[{}]),
    "no founders": lambda document: [validator.update(joined=True) for validator in document["validators"]],
    "no weight": lambda document: document["validators"][0].update(weight=0),
    "weight is true": lambda document: document["validators"][0].update(weight=True),
    "witnesses are no list": lambda document: document.update(witnesses={}),
    "a witness without a key": lambda document: document.update(witnesses=[{**WITNESS, "key": None}]),
    "a witness with a log's key": lambda document: document.update(
        witnesses=[{**WITNESS, "key": document["beacon"]["key"]}]
    ),
    "a witness with a validator's key": lambda document: document.update(
        witnesses=[{**WITNESS, "key": document["validators"][0]["keys"][0]}]
    ),
    "a witness with a validator's name": lambda document: document.update(witnesses=[{**WITNESS, "name": "bank"}]),
    "a witness that cannot be named": lambda document: document.update(witnesses=[{**WITNESS, "name": "No One"}]),
    "a witness twice": lambda document: document.update(witnesses=[WITNESS, {**WITNESS, "name": "other"}]),
    "a witness without an address": lambda document: document.update(witnesses=[{**WITNESS, "url": "notary"}]),
    "unequal weights": lambda document: document["validators"][0].update(weight=2),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_a_spoilt_network_file_is_refused(tmp_path: Path, spoil: Callable[[Any], object]) -> None:
    document = json.loads(found(tmp_path).render())
    spoil(document)
    with pytest.raises(NetworkFileInvalid):
        parse(json.dumps(document).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_network_file_is_refused(data: bytes) -> None:
    with pytest.raises(NetworkFileInvalid):
        parse(data)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NetworkFileInvalid, match=r"no-such\.json"):
        load(tmp_path / "no-such.json")
