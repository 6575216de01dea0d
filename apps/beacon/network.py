"""The network that this beacon serves, from its network file and key file."""

from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from apps.network.errors import NetworkFileInvalid
from apps.network.key_files import read_key
from apps.network.network_file import NetworkFile, load
from audit_chain.log.keys import NoteSigner, VerifierKey


@lru_cache(maxsize=1)
def network_file() -> NetworkFile:
    """The network file as it was when first asked for; other addresses need a restart."""
    return load(Path(settings.NETWORK_FILE))


def log_signer(key: VerifierKey | None = None) -> NoteSigner:
    """Signs as the log does now, or as it did under an earlier key, before a restart.

    Sequencers and receipts need it. Refuses a key file that is not the network's.
    """
    network = network_file()
    key = key or network.beacon.key
    path = key_path(len(network.earlier) - network.beacon_keys.index(key))
    signer = NoteSigner(key.name, read_key(path, Ed25519PrivateKey))
    if signer.verifier_key != key:
        raise NetworkFileInvalid(f"{path} is not the beacon key that the network file names: {key}")
    return signer


def key_path(restarts: int) -> Path:
    """Where the key of the log's origin after so many restarts lies."""
    folder: Path = settings.VAR_DIR / "keys"
    return folder / (f"beacon-{restarts}.pem" if restarts else "beacon.pem")
