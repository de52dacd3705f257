"""Django settings. Everything an operator may change comes from `environment.py`."""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import dj_database_url
import django_stubs_ext
import structlog
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from evolink_studio.admin_theme import UNFOLD as UNFOLD
from evolink_studio.core import private_files
from evolink_studio.environment import ROOT, read_environment
from evolink_studio.operations import logging

django_stubs_ext.monkeypatch()  # makes generic classes such as `ModelAdmin[…]` subscriptable
private_files.use_private_umask()  # here, because every process of the studio comes by

ENV = read_environment()

BASE_DIR = ROOT
DATA_DIR = ENV.studio_data
DEBUG = False
try:
    SECRET_KEY = ENV.load_secret_key()
except OSError as _error:
    raise SystemExit(f"STUDIO_DATA cannot be written to: {_error.strerror}.") from None
private_files.make_data_private(DATA_DIR)
ALLOWED_HOSTS = ENV.hosts
CSRF_TRUSTED_ORIGINS = [ENV.public_url] if ENV.public_url else []
ROOT_URLCONF = "evolink_studio.urls"
WSGI_APPLICATION = "evolink_studio.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "evolink_studio.accounts",
    "evolink_studio.credits",
    "evolink_studio.library",
    "evolink_studio.exports",
    "evolink_studio.projects",
    "evolink_studio.prompts",
    "evolink_studio.generations",
    "evolink_studio.films",
    "evolink_studio.sharing",
    "evolink_studio.notifications",
    "evolink_studio.worker",
    "evolink_studio.operations",
    # Does not autodiscover: urls.py does, because only the web process needs the admin.
    "evolink_studio.core.admin_site.StudioAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "allauth",
    "allauth.account",
]

MIDDLEWARE = [
    "evolink_studio.operations.middleware.RequestIdMiddleware",
    "evolink_studio.generations.views.live.LiveMiddleware",
    "evolink_studio.core.middleware.Utf8Middleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "evolink_studio.core.middleware.CacheControlMiddleware",
    "evolink_studio.core.middleware.PageGZipMiddleware",
    "evolink_studio.core.middleware.ContentSecurityPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "evolink_studio.operations.middleware.ProbeMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "evolink_studio.accounts.middleware.UserLocaleMiddleware",
    "evolink_studio.accounts.middleware.DeviceTimeZoneMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "evolink_studio.accounts.middleware.ExpiredSessionMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "evolink_studio.core.middleware.MeaninglessQueryMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "evolink_studio.core.context_processors.studio",
            ],
            "libraries": {"studio_list": "evolink_studio.core.result_list"},
        },
    },
]
# Form widgets are rendered from the studio's own templates.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
INSTALLED_APPS.insert(INSTALLED_APPS.index("django.contrib.staticfiles"), "django.forms")

# --- Database -------------------------------------------------------------------------------
# IMMEDIATE takes the write lock at BEGIN: a read-then-write can wait, but never fail half way.
# FULL makes a commit survive power loss: the row of a paid generation must not be lost.
_SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
    "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16000;",
}
DATABASES = {
    "default": dj_database_url.parse(
        ENV.database_url or f"sqlite:///{DATA_DIR / 'studio.sqlite3'}",
        conn_max_age=600,
        conn_health_checks=bool(ENV.database_url),
    )
}
# Every thread keeps one connection (the worker's threads would not return theirs to a pool).
# Statements take milliseconds: one that takes longer is stuck and must not keep its locks.
# As on SQLite, a commit survives power loss, whatever the server's own setting is.
_POSTGRES_OPTIONS = {
    "connect_timeout": 5,
    "tcp_user_timeout": 15_000,
    "application_name": "evolink-studio",
    "options": "-c statement_timeout=30s -c lock_timeout=10s "
    "-c idle_in_transaction_session_timeout=20s -c synchronous_commit=on",
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = _SQLITE_OPTIONS
    for _suffix in ("", "-wal", "-shm"):  # it may lie outside the data folder
        private_files.make_private(Path(f"{DATABASES['default']['NAME']}{_suffix}"))
    DATABASES["default"]["TEST"] = {"NAME": DATA_DIR / "test.sqlite3"}
    # The admin theme would import all of psycopg, to dress fields that only PostgreSQL has.
    sys.modules["django.contrib.postgres"] = None  # type: ignore[assignment]
else:
    _url_options = DATABASES["default"].get("OPTIONS", {})  # from the URL; these override ours
    _server_options = f"{_POSTGRES_OPTIONS['options']} {_url_options.get('options', '')}".strip()
    DATABASES["default"]["OPTIONS"] = {
        **_POSTGRES_OPTIONS,
        **_url_options,
        "options": _server_options,
    }
    INSTALLED_APPS.append("procrastinate.contrib.django")

CACHES = {
    "default": {
        # Shared by every process and machine; holds the login throttle.
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "studio_cache",
    }
}

# --- People ---------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "evolink_studio.accounts.hashers.StudioArgon2Hasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "evolink_studio.accounts.validators.OwnNameValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "evolink_studio.accounts.adapter.StudioAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = True
ALLAUTH_TRUSTED_PROXY_COUNT = ENV.trusted_proxies
SESSION_ENGINE = "evolink_studio.accounts.sessions"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
_EMAIL_URL = urlsplit(ENV.email_url)
EMAIL_BACKEND = (
    f"django.core.mail.backends.{'smtp' if _EMAIL_URL.hostname else 'console'}.EmailBackend"
)
EMAIL_HOST = _EMAIL_URL.hostname or ""
EMAIL_PORT = _EMAIL_URL.port or (465 if _EMAIL_URL.scheme == "smtps" else 587)
EMAIL_HOST_USER = unquote(_EMAIL_URL.username or "")
EMAIL_HOST_PASSWORD = unquote(_EMAIL_URL.password or "")
EMAIL_USE_SSL = _EMAIL_URL.scheme == "smtps"
EMAIL_USE_TLS = bool(_EMAIL_URL.hostname) and not EMAIL_USE_SSL
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = ENV.email_from

# --- Transport and content rules ------------------------------------------------------------
_HTTPS = bool(ENV.public_url)
SESSION_COOKIE_SECURE = _HTTPS
CSRF_COOKIE_SECURE = _HTTPS
CSRF_FAILURE_VIEW = "evolink_studio.core.error_views.csrf_failure"
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENV.trusted_proxies else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
REVISITED_PAGES = frozenset({"create", "films"})  # by URL name; see CacheControlMiddleware
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "blob:", "data:", *ENV.media_origins],
        "media-src": [SELF, "blob:", *ENV.media_origins],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
DATA_UPLOAD_MAX_NUMBER_FILES = 16
FILE_UPLOAD_HANDLERS = [
    "evolink_studio.library.upload_handlers.CappedUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
MAX_UPLOAD_BYTES = ENV.max_upload_mb * 1024 * 1024
UPLOADS_PER_HOUR = ENV.uploads_per_hour
LIBRARY_BYTES_PER_PERSON = ENV.library_mb_per_person * 1024 * 1024

# --- Files ----------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = ROOT / "staticfiles"
STATICFILES_DIRS = [ROOT / "static"]
MEDIA_ROOT = DATA_DIR / "media"
FILE_UPLOAD_PERMISSIONS = 0o600
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "evolink_studio.core.static_storage.StudioStaticFilesStorage",
        "OPTIONS": {"file_permissions_mode": 0o644, "directory_permissions_mode": 0o755},
    },
}
if ENV.s3_bucket:
    STORAGES["default"] = {
        "BACKEND": "evolink_studio.library.s3_storage.S3LibraryStorage",
        "OPTIONS": {
            "bucket_name": ENV.s3_bucket,
            "endpoint_url": ENV.s3_service_url,
            "public_url": ENV.s3_public_url or ENV.s3_service_url,
            "region_name": ENV.s3_region,
            "access_key": ENV.s3_access_key.get_secret_value() or None,
            "secret_key": ENV.s3_secret_key.get_secret_value() or None,
            "addressing_style": ENV.s3_addressing_style,
        },
    }
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_ALLOW_ALL_ORIGINS = False

# --- Languages and time ---------------------------------------------------------------------
USE_TZ = True
FORMAT_MODULE_PATH = "evolink_studio.formats"
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("de", _("German"))]
LOCALE_PATHS = [ROOT / "evolink_studio" / "locale"]

# --- The provider ----------------------------------------------------------------------------
EVOLINK_API_KEY = ENV.evolink_api_key.get_secret_value() or "sandbox"
EVOLINK_API_URL = ENV.api_url
EVOLINK_FILES_URL = ENV.files_url
EVOLINK_USER_AGENT = "EvoLinkStudio/0.1"
SANDBOXED = ENV.is_sandbox
CREDITS_PER_USD = ENV.credits_per_usd
PUBLIC_URL = ENV.public_url
METRICS_TOKEN = ENV.metrics_token.get_secret_value()


# --- Logs: one JSON line an event, with ids; never keys, never whole prompts ------------------
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            "foreign_pre_chain": [
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso"),
                logging.add_request_fields,
                logging.format_exception,
            ],
        }
    },
    "filters": {
        "no_refused_head": {
            "()": "django.utils.log.CallbackFilter",
            "callback": logging.is_worth_a_line,
        }
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "filters": ["no_refused_head"],
        }
    },
    "root": {"handlers": ["stderr"], "level": ENV.log_level},
    "loggers": {
        "django": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "procrastinate": {"level": "WARNING"},
        "waitress.queue": {"level": "ERROR"},  # warns whenever a request waits for a thread
    },
}
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        logging.format_exception,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
