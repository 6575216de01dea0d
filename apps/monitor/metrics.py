"""Metrics: the open alerts and the latest look's numbers, as Prometheus reads them."""

from collections.abc import Iterable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from apps.monitor.alerts import Alert
from apps.monitor.memory import Measure

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

HELP: Final = {
    "last_look_seconds": ("When the monitor last looked, in seconds since 1970", None),
    "beacon_up": ("Whether the beacon answers", None),
    "log_size": ("Entries in the beacon's log", None),
    "block_age_seconds": ("Seconds since the beacon's latest block", None),
    "epoch": ("The current epoch", None),
    "finalized_epoch": ("The latest finalized epoch", None),
    "validator_up": ("Whether the validator answers", "validator"),
    "validator_voted": ("Whether the validator voted in the latest ended epoch", "validator"),
    "key_days_left": ("Days until the validator's last keys end", "validator"),
    "crosslink_age_seconds": ("Seconds since the pool's latest crosslink", "pool"),
}


def render(alerts: Iterable[Alert], measures: Sequence[Measure]) -> bytes:
    """The text of a scrape."""
    registry = CollectorRegistry()
    gauge = Gauge("tallystick_alert", "An open alert", ["kind", "subject"], registry=registry)
    for alert in alerts:
        if alert.is_open:
            gauge.labels(str(alert.kind), alert.subject).set(1)
    for name, (text, label) in HELP.items():
        values = [measure for measure in measures if measure.name == name]
        if not values:
            continue
        gauge = Gauge(f"tallystick_{name}", text, [label] if label else [], registry=registry)
        for measure in values:
            (gauge.labels(measure.subject) if label else gauge).set(measure.value)
    return generate_latest(registry)
