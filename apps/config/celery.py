"""The Celery application: sweeps over database rows, woken by a broker that may lose everything.

Without CELERY_BROKER_URL naming RabbitMQ (`amqp://`) or Redis (`redis://`), the broker is a queue in PostgreSQL
(`pgmq://user:password@host/database`, or `pgmq://user:password@/database?host=/socket/folder`).
"""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict, make_conninfo

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.config.settings.portal")

SWEEP_INTERVAL = 1.0  # seconds
REDELIVERY_AFTER = 30  # seconds until a task whose worker died is handed out again


def broker_settings(url: str) -> dict[str, Any]:
    """Celery's settings for the broker at `url`."""
    scheme, _, rest = url.partition("://")
    if scheme != "pgmq":
        return {**_broker(url), "broker_transport_options": {"visibility_timeout": REDELIVERY_AFTER}}
    address = conninfo_to_dict(f"postgresql://{rest}")
    return {
        **_broker("pgmq://conn-string"),  # It goes below: kombu's own form of an address knows no socket folder.
        "broker_transport_options": {
            "conn_string": make_conninfo(**address),
            "init_extension": False,  # The launcher has run pgmq.sql; no server extension is needed.
            "visibility_timeout": REDELIVERY_AFTER,
            # A notification wakes the worker within milliseconds. None comes for a message that lay there already, so
            # between two reads of a backlog it waits the polling interval: hence a short one and several per read.
            "use_notify": True,
            "polling_interval": 0.2,  # seconds
            "wait_time_seconds": 0,
            "pool_size": 4,
        },
    }


def _broker(url: str) -> dict[str, str]:
    """Not `broker_url`: Celery lets the variable CELERY_BROKER_URL overrule that, as it stands."""
    return {"broker_read_url": url, "broker_write_url": url}


app = Celery("tallystick")
app.conf.update(
    broker_settings(settings.CELERY_BROKER_URL),
    broker_connection_retry_on_startup=True,
    # A task is a sweep that can be done twice: it counts as done when it has ended, not when it was handed out.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=8,
    worker_enable_remote_control=False,
    beat_schedule_filename=str(settings.VAR_DIR / "celerybeat-schedule"),
    beat_schedule={
        "sweep": {
            "task": "apps.pools.tasks.sweep",
            "schedule": SWEEP_INTERVAL,
            # One that waited longer is dropped unread: the next one sweeps the same rows.
            "options": {"expires": SWEEP_INTERVAL},
        },
    },
    timezone="UTC",
)
app.autodiscover_tasks()


@setup_logging.connect
def use_django_logging(**_: object) -> None:
    """Celery logs as the other processes do, by settings.LOGGING."""
