"""Where the shared chain stands, as pages show it again and again: read once for all who look at the same moment."""

from dataclasses import dataclass
from threading import Lock

from apps.exchange.network import beacon
from apps.network import beacon_api as api
from apps.network.beacon_client import BeaconClient
from apps.network.errors import Declined

EPOCHS = 14  # as many as the picture has room for
STALLED_AFTER = 4  # epochs; a healthy chain is final two behind
FORK = "fork"


@dataclass(frozen=True, slots=True)
class ChainNow:
    """`newest` is None before the first block; epochs come newest first, crosslinks are those of these epochs."""

    newest: api.BlockSummary | None
    validators: api.Validators
    epochs: tuple[api.EpochSummary, ...]
    crosslinks: tuple[api.PlacedCrosslink, ...]
    pools: tuple[api.PoolState, ...]

    @property
    def is_stalled(self) -> bool:
        """Whether blocks go on and nothing becomes final."""
        return self.validators.epoch - self.validators.finalized_epoch > STALLED_AFTER and self.validators.waiting > 0


class _Latest:
    """What was read last. It stays true until there is another newest block, or that one has other marks."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: tuple[BeaconClient, ChainNow] | None = None

    def get(self, chain: BeaconClient) -> ChainNow:
        (newest, *_) = chain.blocks(limit=1).blocks or (None,)
        with self._lock:
            if self._found is not None and self._found[0] is chain and self._found[1].newest == newest:
                return self._found[1]
            now = _read(chain, newest)
            self._found = (chain, now)
            return now


_latest = _Latest()


def chain_now() -> ChainNow:
    with beacon() as chain:
        return _latest.get(chain)


def forks_open() -> tuple[api.Alert, ...]:
    """Forks that the monitor has found and nobody has mended."""
    return tuple(alert for alert in alerts_list() if alert.kind == FORK and alert.cleared is None)


def alerts_list() -> tuple[api.Alert, ...]:
    """What the monitor found, open alerts first; nothing where the beacon has no monitor."""
    with beacon() as chain:
        try:
            return chain.alerts()
        except Declined as error:
            if error.status == 404:
                return ()
            raise


def _read(chain: BeaconClient, newest: api.BlockSummary | None) -> ChainNow:
    epochs = chain.epochs(limit=EPOCHS).epochs
    return ChainNow(
        newest=newest,
        validators=chain.validators(),
        epochs=epochs,
        crosslinks=chain.crosslinks(first=epochs[-1].epoch, epochs=len(epochs)) if epochs else (),
        pools=chain.pools(),
    )
