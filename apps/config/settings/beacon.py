"""The beacon node: the shared log of crosslinks and evidence digests, and its sequencer."""

from apps.config.settings.base import *  # noqa: F403
from apps.config.settings.base import DATABASE_BEHAVIOUR, env

ROOT_URLCONF = "apps.config.urls.beacon"
WSGI_APPLICATION = "apps.config.wsgi.beacon.application"

INSTALLED_APPS = ["apps.beacon"]

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
