"""The beacon's COSE receipts (RFC 9942), over HTTP, verified by ourselves and by scitt-cose."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import scitt_cose
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from apps.beacon.network import log_signer, network_file
from apps.network.beacon_client import BeaconClient
from apps.network.errors import NetworkFileInvalid
from apps.network.genesis import create
from apps.network.key_files import ed25519_key
from audit_chain.log.keys import NoteSigner, VerifierKey
from audit_chain.proof.receipt import verify_receipt
from tests.interop.cast import final_checkpoint
from tests.nodes.processes import Processes

pytestmark = pytest.mark.xdist_group("interop")


@pytest.fixture(scope="module")
def url(network: Processes) -> str:
    return f"{network.url('beacon')}/receipts"


@pytest.fixture(scope="module")
def public_key(network: Processes) -> bytes:
    """The beacon's key in PEM."""
    key = Ed25519PublicKey.from_public_bytes(network.network.beacon.key.public)
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("index", [0, 1, 255, 256, 290])
def test_any_entry_has_a_receipt_that_scitt_cose_verifies(
    network: Processes, long_log: BeaconClient, url: str, public_key: bytes, index: int
) -> None:
    answer = httpx.get(f"{url}/{index}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/cose")
    entry = long_log.log.bundle(index // 256, size=index + 1)[-1]
    verdict = scitt_cose.verify_receipt(answer.content, leaf_entry_hex=entry.hex(), log_public_key_pem=public_key)
    assert verdict.ok, verdict.errors
    assert (verdict.leaf_index, verdict.issuer) == (index, network.network.beacon.key.name)
    found = verify_receipt(answer.content, entry=entry, key=network.network.beacon.key)
    assert (found.index, found.tree_size) == (index, verdict.tree_size)
    assert not scitt_cose.verify_receipt(
        answer.content, leaf_entry_hex=(entry + b" ").hex(), log_public_key_pem=public_key
    ).ok


def test_a_receipt_stays_the_same_while_the_log_grows(long_log: BeaconClient, url: str) -> None:
    first = httpx.get(f"{url}/0").content
    assert final_checkpoint(long_log).size > 256
    assert httpx.get(f"{url}/0").content == first


def test_an_entry_that_is_not_there_has_no_receipt(long_log: BeaconClient, url: str) -> None:
    assert httpx.get(f"{url}/1000000").status_code == 404
    assert httpx.post(f"{url}/0").status_code == 405


def test_a_node_without_the_logs_key_says_so(network: Processes, long_log: BeaconClient, url: str) -> None:
    key = network.var_dir / "keys" / "beacon.pem"
    away = key.with_suffix(".away")
    key.rename(away)
    try:
        answer = httpx.get(f"{url}/0")
    finally:
        away.rename(key)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "no_key"
    assert str(network.var_dir) not in answer.text


class TestAfterARestart:
    """The log goes on under another key; checkpoints from before keep theirs."""

    @pytest.fixture
    def earlier(self, tmp_path: Path, settings: Any) -> Iterator[VerifierKey]:
        """The first key of a beacon's log that was restarted."""
        founded = create(tmp_path, network="test.example", beacon_url="http://x", validators=[("bank", "http://y")])
        key = ed25519_key(tmp_path / "keys" / "beacon-1.pem")
        restarted = founded.restarted(NoteSigner("test.example/beacon-1", key).verifier_key)
        settings.VAR_DIR, settings.NETWORK_FILE = tmp_path, tmp_path / "network.json"
        settings.NETWORK_FILE.write_bytes(restarted.render())
        network_file.cache_clear()
        yield founded.beacon.key
        network_file.cache_clear()

    def test_either_key_signs_under_its_own_name(self, earlier: VerifierKey) -> None:
        assert log_signer().verifier_key == network_file().beacon.key != earlier
        assert log_signer(earlier).verifier_key == earlier

    def test_a_key_that_was_destroyed_is_missed(self, earlier: VerifierKey, tmp_path: Path) -> None:
        (tmp_path / "keys" / "beacon.pem").unlink()
        assert log_signer().verifier_key == network_file().beacon.key
        with pytest.raises(NetworkFileInvalid):
            log_signer(earlier)
