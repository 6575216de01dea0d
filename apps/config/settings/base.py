"""What every node's settings share.

A setting comes from the real environment first, then from `.env` beside `manage.py`, then from `VAR_DIR/env`,
which the launcher writes.
"""

from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parents[3]

env = environ.Env()
env.read_env(env.path("ENV_FILE", default=str(BASE_DIR / ".env"))())
VAR_DIR = (BASE_DIR / env.str("VAR_DIR", default="var")).resolve()
env.read_env(VAR_DIR / "env")

SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        f"SECRET_KEY is neither in the environment nor in .env nor in {VAR_DIR / 'env'}: start the network once with "
        "`make run`, name its folder with VAR_DIR, or set SECRET_KEY."
    )
DEBUG = env.bool("DEBUG", default=False)

PORTAL_PORT = env.int("PORTAL_PORT", default=8000)
BEACON_PORT = env.int("BEACON_PORT", default=8001)
VALIDATOR_BASE_PORT = env.int("VALIDATOR_BASE_PORT", default=8101)
BEACON_URL = env.str("BEACON_URL", default=f"http://127.0.0.1:{BEACON_PORT}")
# Who holds this token may register members and pools on the beacon.
BEACON_OPERATOR_TOKEN = env.str("BEACON_OPERATOR_TOKEN", default="")
NETWORK_FILE = Path(env.str("NETWORK_FILE", default=str(VAR_DIR / "network.json")))

ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", *env.list("ALLOWED_HOSTS", default=[])]

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False
APPEND_SLASH = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Connections live as long as their thread; one that the server dropped is noticed before its next use.
DATABASE_BEHAVIOUR = {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# Lines for people, to standard output: method, path, status, milliseconds. Never a query string, a body or a field,
# also where something fails.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"without_task_message": {"()": "apps.config.log_lines.WithoutTaskMessage"}},
    "formatters": {
        "line": {
            "()": "apps.config.log_lines.PlaceFormatter",
            "format": "{asctime} {levelname:<7} {name}: {message}",
            "style": "{",
        },
    },
    "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "line"}},
    "root": {"handlers": ["stdout"], "level": "WARNING"},
    "loggers": {
        "apps": {"level": "INFO"},
        "data_pool": {"level": "INFO"},
        "django": {"handlers": [], "level": "WARNING"},
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},  # anybody can send any Host; the answer is 400
        "celery.app.trace": {"filters": ["without_task_message"]},
        "waitress": {"level": "WARNING"},
    },
}
