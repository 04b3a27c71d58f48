"""Settings, all read from the environment. docs/operating.md lists every variable in one table.

`make run` writes var/local.env with a random SECRET_KEY; without that file these are production settings,
and they refuse to start half-configured.
"""

import os
from pathlib import Path
from typing import Any

import environ
from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"


class Environment(environ.Env):  # type: ignore[misc]
    """Names the variable that cannot be understood."""

    def get_value(self, var: str, *args: Any, **options: Any) -> Any:
        try:
            return super().get_value(var, *args, **options)
        except ValueError as error:
            raise ImproperlyConfigured(f"{var} is not understood: {error}.") from error


env = Environment()
VAR_DIR = Path(env.str("BURSAR_VAR_DIR", default="") or BASE_DIR / "var").resolve()
if env.bool("BURSAR_READ_LOCAL_ENV", default=True):
    # services.env, written at each start, tells typed commands where the embedded database is.
    for _file in (VAR_DIR / "local.env", VAR_DIR / "services.env"):
        if _file.exists():
            env.read_env(_file)

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. Set it to 50 or more random characters, or start with `make run`."
    )
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
if not ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS is not set. Name the hosts people reach Bursar by, separated by commas.")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# Behind TLS everything is strict; a plain-http installation on one machine (make run) says so itself.
INSECURE_HTTP = env.bool("BURSAR_INSECURE_HTTP", default=False)
SECURE_SSL_REDIRECT = not INSECURE_HTTP
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not INSECURE_HTTP
SECURE_HSTS_SECONDS = 0 if INSECURE_HTTP else env.int("SECURE_HSTS_SECONDS", default=31536000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not INSECURE_HTTP
SECURE_REDIRECT_EXEMPT = [r"^healthz", r"^readyz"]
SECURE_REFERRER_POLICY = "same-origin"
SESSION_ENGINE = "apps.access.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = env.int("BURSAR_SESSION_SECONDS", default=14 * 86400)
if env.bool("BURSAR_BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Networks whose X-Forwarded-For is believed; without any, the neighbour is the client.
TRUSTED_PROXIES = env.list("BURSAR_TRUSTED_PROXIES", default=[])
CSRF_FAILURE_VIEW = "controlplane.problems.csrf_failure"

INSTALLED_APPS = [
    "apps.access",  # before django.contrib.auth, whose command `changepassword` it has in its own way
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "axes",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "apps.costs",
    "apps.budgets",
    "apps.routing",
    "controlplane",
]

MIDDLEWARE = [
    "controlplane.middleware.ShortWayMiddleware",
    "controlplane.middleware.RequestIdMiddleware",
    "controlplane.middleware.ContentSecurityPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "controlplane.middleware.DatabaseAwayMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    "controlplane.middleware.DenyUndeclaredMiddleware",
]

ROOT_URLCONF = "controlplane.urls"
WSGI_APPLICATION = "controlplane.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "controlplane.context.frame",
            ],
        },
    },
]

DATABASES: dict[str, Any] = {"default": env.db_url("DATABASE_URL", default="postgresql:///bursar")}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL database (postgresql://…): SQLite rounds money.")
_pgbouncer = env.bool("BURSAR_PGBOUNCER", default=False)
# A unix socket's folder comes as ?host=, which libpq understands too.
DATABASES["default"]["HOST"] = DATABASES["default"].get("OPTIONS", {}).pop("host", DATABASES["default"]["HOST"])
DATABASES["default"].update(CONN_MAX_AGE=0, CONN_HEALTH_CHECKS=False, DISABLE_SERVER_SIDE_CURSORS=_pgbouncer)
DATABASES["default"].setdefault("OPTIONS", {}).update(
    {
        # The pool waits 2 s for a connection, then the request answers 503: agents retry, people are told.
        "pool": {
            "min_size": env.int("BURSAR_DB_POOL_MIN", default=1),
            "max_size": env.int("BURSAR_DB_POOL_MAX", default=8),
            "timeout": env.float("BURSAR_DB_POOL_TIMEOUT_SECONDS", default=2.0),
        },
        "connect_timeout": 2,
        "options": " ".join(
            f"-c {name}={value}"
            for name, value in {
                "statement_timeout": env.int("BURSAR_STATEMENT_TIMEOUT_MS", default=15_000),
                "lock_timeout": env.int("BURSAR_LOCK_TIMEOUT_MS", default=5_000),
                "idle_in_transaction_session_timeout": env.int("BURSAR_IDLE_TRANSACTION_TIMEOUT_MS", default=30_000),
                "timezone": "UTC",
            }.items()
        ),
        # Only statements that ask for it are prepared; under pgbouncer none can be.
        "prepare_threshold": None if _pgbouncer else 5,
    }
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "access.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# django-axes guards the login; apps/access/login_protection.py says how tries are counted.
AXES_HANDLER = "apps.access.login_protection.LoginProtection"
AXES_CLIENT_IP_CALLABLE = "apps.access.login_protection.client_network"
AXES_USERNAME_FORM_FIELD = "username"
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
PASSWORD_RESET_TIMEOUT = env.int("BURSAR_PASSWORD_RESET_SECONDS", default=3 * 3600)
LOGIN_URL = "access:login"
LOGIN_REDIRECT_URL = "overview"

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en"

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.access.authentication.ApiKeyAuthentication",
        "apps.access.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["apps.access.authentication.DeclaredScope"],
    "DEFAULT_RENDERER_CLASSES": ["controlplane.rendering.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["controlplane.parsing.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "controlplane.negotiation.Negotiation",
    "DEFAULT_METADATA_CLASS": "controlplane.metadata.Methods",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "controlplane.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,  # `format` is a parameter of exports
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Bursar",
    "DESCRIPTION": "Routing for agents, and where their money went.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api",
    "POSTPROCESSING_HOOKS": ["controlplane.api_schema.add_problems"],
    "COMPONENT_SPLIT_REQUEST": True,
}

# Celery: the broker only wakes workers, so nothing is lost with it.
_broker_dir = VAR_DIR / "broker"
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="filesystem://localhost")
if CELERY_BROKER_URL.startswith("filesystem:"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_broker_dir / "queue"),
        "data_folder_out": str(_broker_dir / "queue"),
        "control_folder": str(_broker_dir / "control"),
        "polling_interval": 0.5,
    }
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 50
CELERY_TASK_TIME_LIMIT = 60
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = env.int("BURSAR_WORKER_THREADS", default=2)
CELERY_BEAT_SCHEDULER = "controlplane.beat:Scheduler"
# Each entry expires, so that a pile of wake-ups never builds up while no worker runs.
CELERY_BEAT_SCHEDULE: dict[str, Any] = {
    "heartbeat": {"task": "controlplane.tasks.heartbeat", "schedule": 30.0, "options": {"expires": 30}},
    "clear-sessions": {"task": "controlplane.tasks.clear_sessions", "schedule": 86400.0, "options": {"expires": 3600}},
    "fold-tasks": {"task": "apps.costs.tasks.fold_tasks", "schedule": 60.0, "options": {"expires": 60}},
    "fold-days": {"task": "apps.costs.tasks.fold_days", "schedule": 60.0, "options": {"expires": 60}},
    "fold-waste": {"task": "apps.costs.tasks.fold_waste", "schedule": 60.0, "options": {"expires": 60}},
    "prove-rollups": {"task": "apps.costs.tasks.prove_rollups", "schedule": 60.0, "options": {"expires": 60}},
    "merge-hours": {"task": "apps.costs.tasks.merge_hours", "schedule": 600.0, "options": {"expires": 600}},
    "retention": {"task": "apps.costs.tasks.drop_old_months", "schedule": 3600.0, "options": {"expires": 3600}},
    "make-partitions": {"task": "apps.costs.tasks.make_partitions", "schedule": 3600.0, "options": {"expires": 3600}},
    "price-lists": {"task": "apps.costs.tasks.check_price_lists", "schedule": 3.0, "options": {"expires": 3}},
    "price-lists-daily": {
        "task": "apps.costs.tasks.ask_for_price_lists",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "demo-data": {"task": "apps.costs.tasks.carry_out_demo_wish", "schedule": 3.0, "options": {"expires": 3}},
    "settle-outcomes": {
        "task": "apps.costs.tasks.settle_outcomes",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "expire-reservations": {
        "task": "apps.budgets.tasks.expire_reservations",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "tend-budgets": {"task": "apps.budgets.tasks.tend_budgets", "schedule": 30.0, "options": {"expires": 30}},
    "settle-merges": {"task": "apps.budgets.tasks.settle_merges", "schedule": 30.0, "options": {"expires": 30}},
    "quality": {"task": "apps.routing.tasks.refresh_quality", "schedule": 300.0, "options": {"expires": 300}},
    "forecast-budgets": {
        "task": "apps.budgets.tasks.forecast_budgets",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "prove-budgets": {
        "task": "apps.budgets.tasks.prove_budgets",
        "schedule": crontab(hour=2, minute=0),
        "options": {"expires": 3600},
    },
    "rerates": {"task": "apps.costs.tasks.carry_out_rerates", "schedule": 3.0, "options": {"expires": 3}},
    "outbox": {"task": "apps.budgets.tasks.send_outbox", "schedule": 5.0, "options": {"expires": 5}},
    "watch": {"task": "apps.budgets.tasks.watch", "schedule": 60.0, "options": {"expires": 60}},
    "watch-background": {"task": "controlplane.tasks.watch_background", "schedule": 60.0, "options": {"expires": 60}},
    "follow-alerts": {"task": "apps.budgets.tasks.follow_alerts", "schedule": 60.0, "options": {"expires": 60}},
    "savings": {"task": "apps.routing.tasks.derive_savings", "schedule": 60.0, "options": {"expires": 60}},
    "replays": {"task": "apps.routing.tasks.carry_out_replays", "schedule": 3.0, "options": {"expires": 3}},
    "watch-models": {"task": "apps.routing.tasks.watch_models", "schedule": 5.0, "options": {"expires": 5}},
    "old-decisions": {
        "task": "apps.routing.tasks.drop_old_decisions",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
}

# The web server (controlplane/gunicorn_conf.py).
WEB_HOST = env.str("BURSAR_HOST", default="127.0.0.1")
WEB_PORT = env.int("BURSAR_PORT", default=8000)
WEB_WORKERS = env.int("BURSAR_WEB_WORKERS", default=2)
WEB_THREADS = env.int("BURSAR_WEB_THREADS", default=4)
WEB_TIMEOUT_SECONDS = env.int("BURSAR_WEB_TIMEOUT_SECONDS", default=60)
WEB_GRACEFUL_SECONDS = env.int("BURSAR_WEB_GRACEFUL_SECONDS", default=30)
WEB_KEEPALIVE_SECONDS = env.int("BURSAR_WEB_KEEPALIVE_SECONDS", default=15)
WEB_ACCESS_LOG = env.bool("BURSAR_WEB_ACCESS_LOG", default=False)

# Limits. Each has a number and a setting.
INGEST_MAX_BYTES = env.int("BURSAR_INGEST_MAX_BYTES", default=5 * 1024 * 1024)
PRICE_MATCH_MAX_NAMES = env.int("BURSAR_PRICE_MATCH_MAX_NAMES", default=500)
INVOICE_MAX_LINES = env.int("BURSAR_INVOICE_MAX_LINES", default=1000)
INVOICE_CHECK_SECONDS = env.int("BURSAR_INVOICE_CHECK_SECONDS", default=300)
INVOICE_CHECK_DAYS = env.int("BURSAR_INVOICE_CHECK_DAYS", default=400)
INGEST_MAX_RECORDS = env.int("BURSAR_INGEST_MAX_RECORDS", default=1000)
INGEST_FUTURE_SECONDS = env.int("BURSAR_INGEST_FUTURE_SECONDS", default=5 * 60)
INGEST_PAST_DAYS = env.int("BURSAR_INGEST_PAST_DAYS", default=35)
DATA_UPLOAD_MAX_MEMORY_SIZE = INGEST_MAX_BYTES + 1024
GUESSES_PER_MINUTE = env.int("BURSAR_GUESSES_PER_MINUTE", default=20)
MAX_PROJECTS = env.int("BURSAR_MAX_PROJECTS", default=1000)
MAX_VIEWS = env.int("BURSAR_MAX_VIEWS", default=200)
MAX_AGENTS = env.int("BURSAR_MAX_AGENTS", default=1000)
BUDGET_VALUES_PER_SWEEP = env.int("BURSAR_BUDGET_VALUES_PER_SWEEP", default=5_000)
MAX_BUDGETS = env.int("BURSAR_MAX_BUDGETS", default=1000)
RESERVATION_SECONDS = env.int("BURSAR_RESERVATION_SECONDS", default=120)
RESERVATION_MAX_SECONDS = env.int("BURSAR_RESERVATION_MAX_SECONDS", default=3600)
FORECAST_COUNTERS = env.int("BURSAR_FORECAST_COUNTERS", default=20)
CONVERSATION_IDLE_HOURS = env.int("BURSAR_CONVERSATION_IDLE_HOURS", default=24)
LEDGER_DAYS = env.int("BURSAR_LEDGER_DAYS", default=90)
OUTCOME_WAIT_DAYS = env.int("BURSAR_OUTCOME_WAIT_DAYS", default=35)
# Statistics of quality read judged tasks so far back, and at most so many of the newest.
QUALITY_DAYS = env.int("BURSAR_QUALITY_DAYS", default=180)
QUALITY_MAX_TASKS = env.int("BURSAR_QUALITY_MAX_TASKS", default=100_000)
# What routing saved: days that are compared with the baseline, and how often the running day is.
SAVINGS_DAYS = env.int("BURSAR_SAVINGS_DAYS", default=100)
SAVINGS_TODAY_SECONDS = env.int("BURSAR_SAVINGS_TODAY_SECONDS", default=300)
SAVINGS_OVERHEAD_TASK_TYPES = env.str("BURSAR_SAVINGS_OVERHEAD_TASK_TYPES", default="judge,routing,compression").split(
    ","
)
SAVINGS_LEARN_DAYS = env.int("BURSAR_SAVINGS_LEARN_DAYS", default=30)
SAVINGS_LEARN_TASKS = env.int("BURSAR_SAVINGS_LEARN_TASKS", default=20_000)
SAVINGS_LEARN_SECONDS = env.int("BURSAR_SAVINGS_LEARN_SECONDS", default=3600)
REPLAY_MAX_DAYS = env.int("BURSAR_REPLAY_MAX_DAYS", default=92)
REPLAY_MAX_CALLS = env.int("BURSAR_REPLAY_MAX_CALLS", default=5_000_000)
REPLAY_MAX_WAITING = env.int("BURSAR_REPLAY_MAX_WAITING", default=20)
REPLAY_KEPT = env.int("BURSAR_REPLAY_KEPT", default=200)
SCENARIOS_KEPT = env.int("BURSAR_SCENARIOS_KEPT", default=200)
COMPRESSION_MAX_MESSAGES = env.int("BURSAR_COMPRESSION_MAX_MESSAGES", default=2000)
COMPRESSION_CALLS_AHEAD = env.int("BURSAR_COMPRESSION_CALLS_AHEAD", default=5)
QUARTERS_KEPT_DAYS = env.int("BURSAR_QUARTERS_KEPT_DAYS", default=40)
BACKGROUND_LATE_SECONDS = env.int("BURSAR_BACKGROUND_LATE_SECONDS", default=3600)
PRICE_IMPORT_LINES = env.int("BURSAR_PRICE_IMPORT_LINES", default=5_000)
# Records one preview of a price change prices again; more than these and the preview says that it looked at the newest.
PRICE_PREVIEW_RECORDS = env.int("BURSAR_PRICE_PREVIEW_RECORDS", default=100_000)
# Questions that no rollup answers read the records: so many days at a time, and for so long.
RECORD_QUESTION_DAYS = env.int("BURSAR_RECORD_QUESTION_DAYS", default=31)
RECORD_QUESTION_MS = env.int("BURSAR_RECORD_QUESTION_MS", default=2000)
# Unusual hours of spend: how far from usual one must be in USD, how many are shown, how long an answer is remembered.
ANOMALY_LEAST_USD = env.str("BURSAR_ANOMALY_LEAST_USD", default="1")
ANOMALIES_SHOWN = env.int("BURSAR_ANOMALIES_SHOWN", default=3)
ANOMALY_SECONDS = env.int("BURSAR_ANOMALY_SECONDS", default=300)
# How long what the records say of parameters of models is remembered for the page Providers.
ADVICE_SECONDS = env.int("BURSAR_ADVICE_SECONDS", default=300)
# When a call could have read its prompt from the provider's cache: so soon after the call before, from so many tokens.
PROMPT_CACHE_SECONDS = env.int("BURSAR_PROMPT_CACHE_SECONDS", default=300)
PROMPT_CACHE_LEAST_TOKENS = env.int("BURSAR_PROMPT_CACHE_LEAST_TOKENS", default=1024)
RETENTION_RECORD_DAYS = env.int("BURSAR_RETENTION_RECORD_DAYS", default=400)
RETENTION_ROLLUP_DAYS = env.int("BURSAR_RETENTION_ROLLUP_DAYS", default=1100)
# Below the 50 s after which a task is stopped, and below the minute after which it is called again.
SWEEP_SECONDS = env.int("BURSAR_SWEEP_SECONDS", default=15)
FOLD_DAYS_PER_RUN = env.int("BURSAR_FOLD_DAYS_PER_RUN", default=40)
PROVE_HOURS_PER_RUN = env.int("BURSAR_PROVE_HOURS_PER_RUN", default=24)
RERATE_BATCH = env.int("BURSAR_RERATE_BATCH", default=1000)
RERATE_MAX_RECORDS = env.int("BURSAR_RERATE_MAX_RECORDS", default=5_000_000)
PRICE_LISTS_FETCH = env.bool("BURSAR_PRICE_LISTS_FETCH", default=True)
PRICE_LISTS_APPLY = env.bool("BURSAR_PRICE_LISTS_APPLY", default=False)
PRICE_LISTS_SECONDS = env.int("BURSAR_PRICE_LISTS_SECONDS", default=120)
PRICE_LISTS_MAX_BYTES = env.int("BURSAR_PRICE_LISTS_MAX_BYTES", default=150_000_000)
PRICE_LISTS_STALE_DAYS = env.int("BURSAR_PRICE_LISTS_STALE_DAYS", default=14)
PRICE_JUMP_LIMIT = env.str("BURSAR_PRICE_JUMP_LIMIT", default="2")
HEALTH_WINDOW_SECONDS = env.int("BURSAR_HEALTH_WINDOW_SECONDS", default=300)
# Where the data of a database on this machine lie, as `make run` says, and the least room that is to be left there.
DATABASE_FOLDER = env.str("BURSAR_DATABASE_FOLDER", default="")
DISK_LEAST_MB = env.int("BURSAR_DISK_LEAST_MB", default=1024)
# How far the clocks of the database and of the web may be apart before the page Health says so.
CLOCKS_APART_SECONDS = env.int("BURSAR_CLOCKS_APART_SECONDS", default=5)
# Stored decisions that a preview of a draft asks again, the newest.
ROUTING_PREVIEW_DECISIONS = env.int("BURSAR_ROUTING_PREVIEW_DECISIONS", default=3000)
# Asks that people labelled with a tier in the playground.
LABELLED_EXAMPLES = env.int("BURSAR_LABELLED_EXAMPLES", default=50_000)
# How long a discarded draft of the policy can be brought back.
DISCARDED_DRAFT_DAYS = env.int("BURSAR_DISCARDED_DRAFT_DAYS", default=30)
RETENTION_DECISION_DAYS = env.int("BURSAR_RETENTION_DECISION_DAYS", default=400)
# The first values of the reporting settings; once somebody saves these on their page, the database holds.
REPORTING_ZONE = env.str("BURSAR_REPORTING_ZONE", default="UTC")
WEEK_START = env.str("BURSAR_WEEK_START", default="monday")
CURRENCY = env.str("BURSAR_CURRENCY", default="USD")
# Who may scrape /metrics without a key, how old its numbers may be, and how many series a dimension has at most.
METRICS_NETWORKS = env.list("BURSAR_METRICS_NETWORKS", default=[])
METRICS_FRESH_SECONDS = env.int("BURSAR_METRICS_FRESH_SECONDS", default=10)
METRICS_MAX_BUDGETS = env.int("BURSAR_METRICS_MAX_BUDGETS", default=50)
METRICS_MAX_SERIES = env.int("BURSAR_METRICS_MAX_SERIES", default=200)
TOKEN_ESTIMATE_BUFFER = env.str("BURSAR_TOKEN_ESTIMATE_BUFFER", default="1.1")
TOKEN_TRIM_SHARE = env.str("BURSAR_TOKEN_TRIM_SHARE", default="0.8")
# The token counter, which knows no settings, reads this variable, as tiktoken itself does.
os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(VAR_DIR / "tiktoken"))

EMAIL_URL = env.str("EMAIL_URL", default="")
if EMAIL_URL:
    vars().update(env.email_url("EMAIL_URL"))
    CELERY_BEAT_SCHEDULE["password-links"] = {
        "task": "apps.access.tasks.send_password_links",
        "schedule": 10.0,
        "options": {"expires": 10},
    }
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("BURSAR_MAIL_FROM", default="bursar@localhost")

# Where people and mails find this installation: links lead there.
_host = next((host for host in ALLOWED_HOSTS if not host.startswith((".", "*"))), "localhost")
_port = f":{WEB_PORT}" if INSECURE_HTTP else ""
PUBLIC_URL = env.str("BURSAR_PUBLIC_URL", default="") or f"http{'' if INSECURE_HTTP else 's'}://{_host}{_port}/"
if not PUBLIC_URL.startswith(("https://", "http://")):
    raise ImproperlyConfigured("BURSAR_PUBLIC_URL has to begin with https:// (or http://): links in mails begin so.")

# Alerts and their delivery (docs/alerts.md).
OUTBOX_LEASE_SECONDS = env.int("BURSAR_OUTBOX_LEASE_SECONDS", default=120)
ALERT_FOLD_ABOVE = env.int("BURSAR_ALERT_FOLD_ABOVE", default=10)
ALERT_RECIPIENTS_MOST = env.int("BURSAR_ALERT_RECIPIENTS_MOST", default=50)
ALERT_REMINDERS_MOST = env.int("BURSAR_ALERT_REMINDERS_MOST", default=3)
ALERT_DOWNGRADES_FIRST_MINUTES = env.int("BURSAR_ALERT_DOWNGRADES_FIRST_MINUTES", default=15)
ALERT_DOWNGRADES_HOURS = env.int("BURSAR_ALERT_DOWNGRADES_HOURS", default=24)
ALERT_LINK_DAYS = env.int("BURSAR_ALERT_LINK_DAYS", default=14)
ALERT_KEPT_DAYS = env.int("BURSAR_ALERT_KEPT_DAYS", default=400)
WEBHOOK_OFF_AFTER_DAYS = env.int("BURSAR_WEBHOOK_OFF_AFTER_DAYS", default=3)
WEBHOOK_ROTATION_HOURS = env.int("BURSAR_WEBHOOK_ROTATION_HOURS", default=24)

# Alerts that need no budget.
ALERT_PROVIDER_CALLS = env.int("BURSAR_ALERT_PROVIDER_CALLS", default=20)
ALERT_PROVIDER_ERROR_PERCENT = env.int("BURSAR_ALERT_PROVIDER_ERROR_PERCENT", default=50)
ALERT_PRICE_GAP_USD = env.str("BURSAR_ALERT_PRICE_GAP_USD", default="10")
ALERT_UNPRICED_NAMES = env.int("BURSAR_ALERT_UNPRICED_NAMES", default=20)

# Webhooks go to addresses that people typed: what they may reach, and for how long (apps/budgets/services/outbound).
OUTBOUND_PORTS = env.str("BURSAR_OUTBOUND_PORTS", default="443,8443").split(",")
OUTBOUND_NETWORKS = env.list("BURSAR_OUTBOUND_NETWORKS", default=[])
OUTBOUND_CONNECT_SECONDS = env.float("BURSAR_OUTBOUND_CONNECT_SECONDS", default=5.0)
OUTBOUND_TOTAL_SECONDS = env.float("BURSAR_OUTBOUND_TOTAL_SECONDS", default=10.0)
OUTBOUND_ANSWER_BYTES = env.int("BURSAR_OUTBOUND_ANSWER_BYTES", default=65_536)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{levelname} {name} {message}", "style": "{"}},
    "filters": {"away": {"()": "controlplane.quiet.AwayInOneLine"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["away"]}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
}
