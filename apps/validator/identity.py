"""Who this validator is: its place in the network file, its keys, and the logs that it is told to witness."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from django.conf import settings

from apps.network.errors import NetworkFileInvalid
from apps.network.key_files import read_key
from apps.network.network_file import NetworkFile, ValidatorNode, load
from audit_chain.errors import Malformed
from audit_chain.log.keys import CosignerEd25519, CosignerMLDSA44, VerifierKey
from audit_chain.log.note import Signature
from audit_chain.log.policy import TrustPolicy


@dataclass(frozen=True, slots=True)
class Identity:
    """`further_logs` are origins and keys beside the beacon's and the pools'."""

    network: NetworkFile
    node: ValidatorNode
    ed25519: CosignerEd25519
    mldsa44: CosignerMLDSA44
    further_logs: dict[str, VerifierKey]

    def cosign(self, checkpoint_text: str, timestamp: int) -> list[Signature]:
        """Both cosignatures on the checkpoint. Nothing is checked and nothing kept: that is `witnessing`'s part."""
        return [cosigner.cosign(checkpoint_text, timestamp) for cosigner in (self.ed25519, self.mldsa44)]


@lru_cache(maxsize=1)
def identity() -> Identity:
    """This validator as configured; NetworkFileInvalid where files are missing or do not belong together."""
    network = load(Path(settings.NETWORK_FILE))
    node = network.validator(settings.VALIDATOR_NAME)
    folder = settings.VAR_DIR / "keys" / "validators" / node.name
    key_name = node.keys[0].name
    found = Identity(
        network=network,
        node=node,
        ed25519=CosignerEd25519(key_name, read_key(folder / "ed25519.pem", Ed25519PrivateKey)),
        mldsa44=CosignerMLDSA44(key_name, read_key(folder / "mldsa44.pem", MLDSA44PrivateKey)),
        further_logs=_further_logs(settings.VAR_DIR / "validators" / f"{node.name}.logs"),
    )
    if (found.ed25519.verifier_key, found.mldsa44.verifier_key) != node.keys:
        raise NetworkFileInvalid(f"the keys in {folder} are not those that the network file names for {node.name}")
    return found


def _further_logs(path: Path) -> dict[str, VerifierKey]:
    """The `log` lines of a trust policy (C2SP tlog-policy), whose other lines do not matter here."""
    if not path.exists():
        return {}
    try:
        policy = TrustPolicy.parse(path.read_bytes())
    except Malformed as problem:
        raise NetworkFileInvalid(f"{path}: {problem}") from None
    return {log.key.name: log.key for log in policy.logs}
