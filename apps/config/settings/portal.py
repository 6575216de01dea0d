"""The portal node: pages, REST API, the pools it hosts, and their Celery worker."""

from csp.constants import NONE, SELF

from apps.config.settings.base import *  # noqa: F403
from apps.config.settings.base import BASE_DIR, DATABASE_BEHAVIOUR, DEBUG, PORTAL_PORT, env

ROOT_URLCONF = "apps.config.urls.portal"
WSGI_APPLICATION = "apps.config.wsgi.portal.application"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "csp",
    "apps.accounts",
    "apps.pools",
    "apps.exchange",
    "apps.portal",
    "apps.api",
    "apps.launch",
    "apps.config",
]

MIDDLEWARE = [
    "apps.config.access_log.AccessLog",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": env.db_url("PORTAL_DATABASE_URL", default="postgresql:///portal") | DATABASE_BEHAVIOUR}

# Makes a role and a database for each new pool.
POOL_ADMIN_DATABASE_URL = env.str("POOL_ADMIN_DATABASE_URL", default="")

# Only where beacon and portal run on one machine: lets `manage.py fsck` check the beacon's rows too.
BEACON_DATABASE_URL = env.str("BEACON_DATABASE_URL", default="")

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="pgmq:///broker")

STATIC_URL = "/static/"
# Static files are served from where they lie: nothing has to be collected before the first start. STATIC_ROOT is for
# a web server in front that serves them itself, after `manage.py collectstatic`.
STATIC_ROOT = env.str("STATIC_ROOT", default=None)
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# Nothing is loaded from elsewhere, nothing runs inline, nobody frames a page.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "worker-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    },
}

# Where people reach the portal. With https, cookies are for https alone and browsers are told to stay there.
PORTAL_URL = env.str("PORTAL_URL", default=f"http://localhost:{PORTAL_PORT}")
_OVER_TLS = PORTAL_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [PORTAL_URL]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _OVER_TLS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _OVER_TLS else 0
if _OVER_TLS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600  # seconds: a working day

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "/sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]

# One file may be this large, also from the command line.
MAX_FILE_BYTES = env.int("MAX_FILE_BYTES", default=20 * 1024 * 1024)
# One request may carry this much in sum. Uploads stay in memory until they are stored encrypted: no plain copy on disk.
MAX_UPLOAD_BYTES = env.int("MAX_UPLOAD_BYTES", default=64 * 1024 * 1024)
# One file may have so much; a larger one is refused alone.
MAX_FILE_BYTES = env.int("MAX_FILE_BYTES", default=20 * 1024 * 1024)
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = MAX_UPLOAD_BYTES
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_UPLOAD_BYTES
DATA_UPLOAD_MAX_NUMBER_FILES = 2000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000

# Requests of the API are counted here. Without CACHE_URL each web process counts by itself.
CACHES = {"default": env.cache_url("CACHE_URL", default="locmemcache://?max_entries=20000")}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apps.api.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["apps.api.permissions.HasToken"],
    "DEFAULT_THROTTLE_CLASSES": ["apps.api.throttling.TokenThrottle", "apps.api.throttling.AddressThrottle"],
    "DEFAULT_THROTTLE_RATES": {"token": "1200/min", "address": "120/min"},
    "NUM_PROXIES": env.int("PROXIES", default=0),  # in front of the portal, whose X-Forwarded-For is believed
    "DEFAULT_PARSER_CLASSES": ["apps.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "apps.api.negotiation.OneForm",
    "DEFAULT_SCHEMA_CLASS": "apps.api.schema.Schema",
    "EXCEPTION_HANDLER": "apps.api.errors.answer_error",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Tallystick",
    "VERSION": "1",
    "DESCRIPTION": "Import records, share chosen fields with proof, verify, deposit evidence. All times are UTC.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
}
