"""The shared chain as the portal sees it: one client of the beacon, the trust policy, failures in our words."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from apps.accounts.errors import NotFound, TryLater, WrongInput
from apps.network.beacon_client import BeaconClient
from apps.network.errors import Declined, NetworkFileInvalid
from apps.network.network_file import NetworkFile, load
from audit_chain.errors import Malformed
from audit_chain.log.policy import TrustPolicy
from audit_chain.proof.verdict import Verdict
from audit_chain.proof.verifier import verify
from data_pool.errors import BeaconUnreachable


class Unreadable(WrongInput):
    code = "unreadable"


@contextmanager
def beacon() -> Iterator[BeaconClient]:
    """The client of the beacon; what it cannot do is TryLater, what it does not know is NotFound."""
    try:
        yield _client(settings.BEACON_URL)
    except BeaconUnreachable as error:
        raise TryLater(
            "The shared chain does not answer at the moment. Nothing was changed; try again soon."
        ) from error
    except Declined as error:
        if error.status == 404:
            raise NotFound("The shared chain knows nothing of that.") from error
        raise TryLater(f"The shared chain did not take this: {error.message}") from error


def network_file() -> NetworkFile:
    """The network file as it stands on disk now."""
    path = Path(settings.NETWORK_FILE)
    try:
        return _load(path, path.stat().st_mtime_ns)
    except (OSError, NetworkFileInvalid) as error:
        raise TryLater("This portal does not know its network yet.") from error


def trust_policy() -> TrustPolicy:
    """What verdicts on this portal's pages are held against."""
    return network_file().policy()


@lru_cache(maxsize=4)
def _client(url: str) -> BeaconClient:
    return BeaconClient(url)


@lru_cache(maxsize=4)
def _load(path: Path, _changed: int) -> NetworkFile:
    return load(path)


def verdict_on(bundle: bytes, *, file_digest: bytes | None = None) -> Verdict:
    """The offline verifier's verdict under this network's trust policy. Unreadable for what is no bundle."""
    try:
        return verify(bundle, trust_policy(), file_digest=file_digest)
    except Malformed as error:
        raise Unreadable(f"This cannot be read as a proof: {error}.", where="bundle") from error
