"""A validator node: a witness with its own key and its own small store."""

from apps.config.settings.base import *  # noqa: F403
from apps.config.settings.base import VAR_DIR, env

ROOT_URLCONF = "apps.config.urls.validator"
WSGI_APPLICATION = "apps.config.wsgi.validator.application"

INSTALLED_APPS = ["apps.validator"]

MIDDLEWARE = [
    "apps.config.access_log.AccessLog",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

VALIDATOR_NAME = env.str("VALIDATOR_NAME")

# What signs: a function as in apps.network.signers. A PKCS #11 token or a key service has one of its own.
COSIGNERS = env.str("COSIGNERS", default="apps.network.signers.from_files")
GOVERNANCE_SIGNER = env.str("GOVERNANCE_SIGNER", default="apps.network.signers.governance_from_file")
# Seconds between a block's time and our clock beyond which it is not voted for.
BLOCK_TIME_TOLERANCE = env.int("BLOCK_TIME_TOLERANCE", default=30)

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": VAR_DIR / "validators" / f"{VALIDATOR_NAME}.sqlite3",
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            # Check and store are one step: the write lock is taken before the first read.
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,  # seconds
            # FULL: what was signed is on the disk before the signature leaves, also through a power failure.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
    },
}

# An add-checkpoint request: at most 63 hashes and a note.
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
