"""The beacon node: the shared log of crosslinks and evidence digests, and its sequencer."""

from apps.config.settings.base import *  # noqa: F403
from apps.config.settings.base import DATABASE_BEHAVIOUR, env

ROOT_URLCONF = "apps.config.urls.beacon"
WSGI_APPLICATION = "apps.config.wsgi.beacon.application"

INSTALLED_APPS = ["apps.beacon", "apps.monitor"]

MIDDLEWARE = [
    "apps.config.access_log.AccessLog",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

DATABASES = {"default": env.db_url("BEACON_DATABASE_URL", default="postgresql:///beacon") | DATABASE_BEHAVIOUR}

# A checkpoint with its cosignatures and proof stays far below this.
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024

# The state's older versions, by epochs: what can still be asked for by size. All since the latest final one are kept.
BEACON_KEPT_EPOCHS = env.int("BEACON_KEPT_EPOCHS", default=256)

# The monitor: seconds between two looks, and after how many what is late. Alerts go to the webhook, if there is one.
MONITOR_SECONDS = env.float("MONITOR_SECONDS", default=5)
MONITOR_SILENCE_SECONDS = env.int("MONITOR_SILENCE_SECONDS", default=660)
MONITOR_LATE_CROSSLINK_SECONDS = env.int("MONITOR_LATE_CROSSLINK_SECONDS", default=120)
MONITOR_MISSING_CROSSLINK_SECONDS = env.int("MONITOR_MISSING_CROSSLINK_SECONDS", default=86400)
MONITOR_WEBHOOK_URL = env.str("MONITOR_WEBHOOK_URL", default="")
MONITOR_WEBHOOK_SECRET = env.str("MONITOR_WEBHOOK_SECRET", default="")
