"""Why a validator gives no cosignature, beside the reasons in `audit_chain.errors`.

Refused
  Stopped           its operator has to look first                                   503
  BeaconUnread      the beacon's log could not be read; later it may                 503
RefusedHistory
  Disbelieved       the beacon signed a log that does not hold: no more signatures   422
"""

from audit_chain.errors import Refused, RefusedHistory


class Stopped(Refused):
    """It found the beacon wrong, and its operator has not looked yet."""

    status = 503


class BeaconUnread(Refused):
    """The beacon's log could not be read, or another request is reading it."""

    status = 503


class Disbelieved(RefusedHistory):
    """What the beacon signed breaks the rules; `subroots` are ours where only the state differs."""

    def __init__(self, message: str, *, size: int, subroots: dict[str, bytes] | None = None) -> None:
        super().__init__(message)
        self.at = size
        self.subroots = subroots
