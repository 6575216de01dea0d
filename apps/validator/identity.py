"""Who this validator is: its place in the network file, its keys, and the logs that it is told to witness."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.utils.module_loading import import_string

from apps.network.errors import NetworkFileInvalid
from apps.network.network_file import NetworkFile, ValidatorNode, load
from apps.network.signers import Cosigner
from apps.validator.errors import Stopped
from audit_chain.beacon.key_set import KeySet
from audit_chain.errors import Malformed
from audit_chain.log.keys import VerifierKey
from audit_chain.log.note import Signature
from audit_chain.log.policy import TrustPolicy


@dataclass(frozen=True, slots=True)
class Cosigners:
    """The signers of one key set."""

    keys: KeySet
    signers: tuple[Cosigner, ...]

    def cosign(self, checkpoint_text: str, timestamp: int) -> list[Signature]:
        return [signer.cosign(checkpoint_text, timestamp) for signer in self.signers]


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """`cosigners` are those of all key sets that are here; `further_logs` have keys beside the network's own."""

    network: NetworkFile
    node: ValidatorNode
    cosigners: tuple[Cosigners, ...]
    further_logs: dict[str, VerifierKey]

    @property
    def pubkeys(self) -> tuple[bytes, ...]:
        """All Ed25519 keys that this validator has or had: they are one voice."""
        return tuple(keys.ed25519.public for keys in self.node.key_sets)

    def cosigners_at(self, timestamp: int) -> Cosigners:
        """Those of the newest key set that is valid then; Stopped where none is."""
        for cosigners in reversed(self.cosigners):
            if cosigners.keys.is_valid_at(timestamp):
                return cosigners
        raise Stopped("no key of this validator is valid now: rotate its keys")


@lru_cache(maxsize=1)
def identity() -> Identity:
    """This validator as configured; NetworkFileInvalid where files are missing or do not belong together."""
    network = load(Path(settings.NETWORK_FILE))
    node = network.validator(settings.VALIDATOR_NAME)
    open_signers = import_string(settings.COSIGNERS)
    return Identity(
        network=network,
        node=node,
        cosigners=tuple(Cosigners(keys, _checked(keys, open_signers(node.name, keys))) for keys in node.key_sets),
        further_logs=_further_logs(settings.VAR_DIR / "validators" / f"{node.name}.logs"),
    )


def _checked(keys: KeySet, signers: tuple[Cosigner, ...]) -> tuple[Cosigner, ...]:
    if tuple(signer.verifier_key for signer in signers) != keys.keys:
        raise NetworkFileInvalid(f"the keys of {keys.ed25519.name} are not those that the network file names")
    return signers


def _further_logs(path: Path) -> dict[str, VerifierKey]:
    """The `log` lines of a trust policy (C2SP tlog-policy), whose other lines do not matter here."""
    if not path.exists():
        return {}
    try:
        policy = TrustPolicy.parse(path.read_bytes())
    except Malformed as problem:
        raise NetworkFileInvalid(f"{path}: {problem}") from None
    return {log.key.name: log.key for log in policy.logs}
