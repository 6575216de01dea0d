"""Webhook: alerts as JSON to an address of the operator's, signed with a secret that both know.

    POST /hook
    Tallystick-Signature: t=1795348861,v1=5f3c…

    {"alert":{"cleared":null,"evidence":null,"kind":"missing-vote",…},"network":"tallystick.local"}

`v1` is the HMAC-SHA256 (hex) of the time, a full stop and the body. An answer 2xx takes the news; anything else, and it
is told again after the next look.
"""

import hashlib
import hmac
import json
import logging
from collections.abc import Callable

from apps.monitor.alerts import Alert
from apps.network.errors import Unreachable
from apps.network.transport import Transport
from audit_chain.encoding import to_time

logger = logging.getLogger(__name__)

HEADER = "Tallystick-Signature"
ANSWER_LIMIT = 64 * 1024  # bytes


class Webhook:
    def __init__(self, url: str, secret: bytes, *, clock: Callable[[], float], answer_seconds: float = 5.0) -> None:
        self._transport = Transport(url, answer_seconds=answer_seconds)
        self._secret = secret
        self._clock = clock

    def tell(self, alert: Alert, *, network: str) -> bool:
        """Whether the other side took it."""
        body = json.dumps({"alert": alert_to_json(alert), "network": network}, sort_keys=True).encode()
        headers = {"Content-Type": "application/json", HEADER: signature(body, self._secret, int(self._clock()))}
        try:
            answer = self._transport.exchange("POST", "", content=body, headers=headers, limit=ANSWER_LIMIT)
        except Unreachable:
            logger.warning("the webhook does not answer")
            return False
        if not 200 <= answer.status < 300:
            logger.warning("the webhook answered with status %s", answer.status)
            return False
        return True

    def close(self) -> None:
        self._transport.close()


def signature(body: bytes, secret: bytes, time: int) -> str:
    """The header's value."""
    return f"t={time},v1={hmac.new(secret, b'%d.' % time + body, hashlib.sha256).hexdigest()}"


def alert_to_json(alert: Alert) -> dict[str, object]:
    return {
        "cleared": None if alert.cleared is None else to_time(alert.cleared),
        "detail": alert.sentence,
        "evidence": alert.evidence,
        "kind": str(alert.kind),
        "number": alert.number,
        "since": to_time(alert.since),
        "subject": alert.subject,
    }
