"""The settings an operator may give, read once from the environment, typed and checked.

Every name here is in the README's settings table; a test compares the two.
"""

import contextlib
import os
import secrets
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import dj_database_url
from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from evolink_studio.setting_values import (
    parse_allowed_hosts,
    parse_bind,
    parse_data_folder,
    parse_email,
    parse_mail_url,
    parse_public_url,
    parse_service_url,
    parse_webhook_url,
)

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_API_URL = "https://api.evolink.ai"
DEFAULT_FILES_URL = "https://files-api.evolink.ai"
DATABASE_ENGINES = ("django.db.backends.sqlite3", "django.db.backends.postgresql")
MAX_RUNNING = 1_000_000
MAX_UPLOADS = 1_000_000
MAX_LIBRARY_MB = 1_000_000_000
_PARSERS: dict[str, Callable[[Any], Any]] = {
    "evolink_api_url": parse_service_url,
    "evolink_files_url": parse_service_url,
    "public_url": parse_public_url,
    "allowed_hosts": lambda value: ",".join(parse_allowed_hosts(value)),
    "bind": parse_bind,
    "studio_data": parse_data_folder,
    "s3_endpoint_url": parse_service_url,
    "s3_public_url": parse_service_url,
    "alert_email": parse_email,
    "alert_webhook": parse_webhook_url,
    "email_url": parse_mail_url,
    "email_from": parse_email,
}


class Environment(BaseSettings):
    """Settings from the environment. An invalid one stops the start with an error naming it."""

    model_config = SettingsConfigDict(
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,  # a mistyped key must not appear in a log
    )

    evolink_api_key: SecretStr = Field(
        SecretStr(""),
        validation_alias="EVOLINK_API_KEY",
        description="Key of your EvoLink account. Without it the sandbox is the far end.",
    )
    evolink_api_url: str = Field(
        "",
        validation_alias="EVOLINK_API_URL",
        description="Where the EvoLink API is. A private address is allowed only when named here.",
    )
    evolink_files_url: str = Field(
        "",
        validation_alias="EVOLINK_FILES_URL",
        description="Where the EvoLink Files API is. Default: follows `EVOLINK_API_URL`.",
    )
    database_url: str = Field(
        "",
        validation_alias="DATABASE_URL",
        description="`postgres://…` for scale-out. Default: SQLite in `STUDIO_DATA`.",
    )
    public_url: str = Field(
        "",
        validation_alias="PUBLIC_URL",
        description="The studio's own https address, as the internet knows it, without a path. "
        "Without it EvoLink is given no callback.",
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        validation_alias="SECRET_KEY",
        description="Signs sessions. Default: made once and kept in `STUDIO_DATA`.",
    )
    allowed_hosts: str = Field(
        "",
        validation_alias="ALLOWED_HOSTS",
        description="Host names the studio answers to, with commas. "
        "Loopback and the host of `PUBLIC_URL` are always among them.",
    )
    port: int = Field(
        8000,
        ge=1,
        le=65535,
        validation_alias="PORT",
        description="Port of the web server on this machine. The sandbox takes the next one.",
    )
    bind: str = Field(
        "127.0.0.1",
        validation_alias="BIND",
        description="Address the web server listens on; `0.0.0.0` in a container.",
    )
    studio_data: Path = Field(
        ROOT / "var",
        validation_alias="STUDIO_DATA",
        description="Folder for the database and the media. Default: `var/`.",
    )
    s3_bucket: str = Field(
        "",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{1,254})?$",
        validation_alias="S3_BUCKET",
        description="Keeps the media in this bucket of an S3 store instead of `STUDIO_DATA`.",
    )
    s3_endpoint_url: str = Field(
        "",
        validation_alias="S3_ENDPOINT_URL",
        description="Where the S3 store is. Default: Amazon's, in `S3_REGION`.",
    )
    s3_public_url: str = Field(
        "",
        validation_alias="S3_PUBLIC_URL",
        description="Where browsers reach the S3 store. Default: `S3_ENDPOINT_URL`.",
    )
    s3_region: str = Field(
        "us-east-1",
        pattern=r"^[A-Za-z0-9-]+$",
        validation_alias="S3_REGION",
        description="Region of the S3 store.",
    )
    s3_access_key: SecretStr = Field(
        SecretStr(""),
        validation_alias="S3_ACCESS_KEY",
        description="Key id for the S3 store. Default: what the machine itself may do.",
    )
    s3_secret_key: SecretStr = Field(
        SecretStr(""),
        validation_alias="S3_SECRET_KEY",
        description="The secret that belongs to `S3_ACCESS_KEY`.",
    )
    web_workers: int = Field(
        2,
        ge=1,
        le=64,
        validation_alias="WEB_WORKERS",
        description="Processes of the web server.",
    )
    trusted_proxies: int = Field(
        0,
        ge=0,
        le=5,
        validation_alias="TRUSTED_PROXIES",
        description="Proxies in front whose `X-Forwarded-*` headers are believed.",
    )
    running_at_once: int = Field(
        100,
        ge=0,
        le=MAX_RUNNING,
        validation_alias="RUNNING_AT_ONCE",
        description="How many generations may be at EvoLink at once, in all. `0`: no limit.",
    )
    running_per_person: int = Field(
        10,
        ge=0,
        le=MAX_RUNNING,
        validation_alias="RUNNING_PER_PERSON",
        description="How many of one person. The others wait their turn. `0`: no limit.",
    )
    running_per_model: int = Field(
        0,
        ge=0,
        le=MAX_RUNNING,
        validation_alias="RUNNING_PER_MODEL",
        description="How many of one model. `0`: no limit.",
    )
    max_upload_mb: int = Field(
        50,
        ge=1,
        le=2000,
        validation_alias="MAX_UPLOAD_MB",
        description="Largest picture a person may upload, in MB.",
    )
    uploads_per_hour: int = Field(
        300,
        ge=0,
        le=MAX_UPLOADS,
        validation_alias="UPLOADS_PER_HOUR",
        description="How many files a person may add within an hour. `0`: no limit.",
    )
    library_mb_per_person: int = Field(
        5000,
        ge=0,
        le=MAX_LIBRARY_MB,
        validation_alias="LIBRARY_MB_PER_PERSON",
        description="How much the files a person adds may take, in MB; films made here are not "
        "counted. `0`: no limit.",
    )
    alert_email: str = Field(
        "",
        validation_alias="ALERT_EMAIL",
        description="Who gets a mail when money or a film needs a look. Needs `EMAIL_URL`.",
    )
    alert_webhook: str = Field(
        "",
        validation_alias="ALERT_WEBHOOK",
        description="Address that gets the same as a JSON POST.",
    )
    email_url: str = Field(
        "",
        validation_alias="EMAIL_URL",
        description="Mail server: `smtp://user:password@host:587` (`smtps://` for TLS at once).",
    )
    email_from: str = Field(
        "studio@localhost",
        validation_alias="EMAIL_FROM",
        description="Sender of the studio's mails.",
    )
    metrics_token: SecretStr = Field(
        SecretStr(""),
        validation_alias="METRICS_TOKEN",
        description="Lets Prometheus read `/metrics` as a bearer token. "
        "Without it there is no such page.",
    )
    credits_per_usd: Decimal = Field(
        Decimal(68),
        ge=Decimal("0.01"),
        le=1_000_000,
        validation_alias="CREDITS_PER_USD",
        description="How many credits are one US dollar, for figures in money.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO",
        validation_alias="LOG_LEVEL",
        description="`DEBUG`, `INFO`, `WARNING` or `ERROR`.",
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_blanks(cls, values: dict[str, Any]) -> dict[str, Any]:
        """A blank value is as good as none."""
        return {
            name: value
            for name, value in values.items()
            if not isinstance(value, str) or value.strip()
        }

    @field_validator(*_PARSERS, mode="after")
    @classmethod
    def _parse(cls, value: Any, info: ValidationInfo) -> Any:
        value = value.strip() if isinstance(value, str) else value
        return _PARSERS[info.field_name or ""](value) if value else value

    @field_validator("database_url")
    @classmethod
    def _validate_database_url(cls, value: str) -> str:
        try:
            engine = dj_database_url.parse(value)["ENGINE"] if value else DATABASE_ENGINES[0]
        except ValueError:
            engine = ""
        is_in_memory = value == "sqlite://" or value.endswith(":memory:")  # one for each process
        if engine not in DATABASE_ENGINES or is_in_memory:
            # The message must not quote the address: the mistyped part may be its password.
            raise ValueError("must be postgres://user:password@host:port/name, or sqlite:///path")
        return value

    @field_validator("evolink_api_key", "metrics_token")
    @classmethod
    def _validate_token(cls, value: SecretStr) -> SecretStr:
        key = value.get_secret_value().strip()
        if not all("!" <= char <= "~" for char in key):
            raise ValueError("must be one word of plain letters, digits and signs")
        return SecretStr(key)

    @property
    def is_sandbox(self) -> bool:
        """True when no key was given: nothing costs real money."""
        return not self.evolink_api_key.get_secret_value()

    @property
    def bind_host(self) -> str:
        """Where the web server listens, as it stands in an address."""
        return f"[{self.bind}]" if ":" in self.bind else self.bind

    @property
    def sandbox_port(self) -> int:
        """The sandbox listens one port above the web server."""
        return self.port + 1 if self.port < 65535 else self.port - 1

    @property
    def api_url(self) -> str:
        """Address every EvoLink call goes to."""
        if self.is_sandbox:
            return f"http://127.0.0.1:{self.sandbox_port}"
        return self.evolink_api_url or DEFAULT_API_URL

    @property
    def files_url(self) -> str:
        """Address every upload to EvoLink goes to."""
        if self.is_sandbox:
            return self.api_url
        return self.evolink_files_url or self.evolink_api_url or DEFAULT_FILES_URL

    @property
    def s3_service_url(self) -> str:
        """Address of the S3 store, without the bucket."""
        return self.s3_endpoint_url or f"https://s3.{self.s3_region}.amazonaws.com"

    @property
    def s3_addressing_style(self) -> str:
        """`virtual` (the bucket is in the host name) for Amazon's store, `path` for any other."""
        return "path" if self.s3_endpoint_url or self.s3_public_url else "virtual"

    @property
    def media_origins(self) -> list[str]:
        """Origins besides the studio's own from which pages show pictures and films."""
        if not self.s3_bucket:
            return []
        if self.s3_addressing_style == "virtual":
            return [f"https://{self.s3_bucket}.s3.{self.s3_region}.amazonaws.com"]
        parts = urlsplit(self.s3_public_url or self.s3_service_url)
        return [f"{parts.scheme}://{parts.netloc}"]

    @property
    def hosts(self) -> list[str]:
        """Host names for Django's check of the Host header."""
        return [
            "localhost",
            "127.0.0.1",
            "[::1]",
            *parse_allowed_hosts(self.allowed_hosts),
            *_list_host(self.public_url),
        ]

    def load_secret_key(self) -> str:
        """The signing secret; created at the first start and stored in a file of mode 0600."""
        configured = self.secret_key.get_secret_value()
        return configured or _load_or_create_secret(self.studio_data / "secret_key")


def read_environment() -> Environment:
    """The settings. A value that makes no sense ends the process, with one line for each."""
    try:
        return Environment()
    except ValidationError as error:
        lines = [f"{_name_of(item)} {_reason_of(item)}." for item in error.errors()]
        raise SystemExit("\n".join(lines)) from None


def _name_of(error: ErrorDetails) -> str:
    return str(error["loc"][0]) if error["loc"] else "The environment"


def _reason_of(error: ErrorDetails) -> str:
    """Without the value, which may be a secret."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    return f"is not valid: {error['msg'][:1].lower()}{error['msg'][1:]}"


def _list_host(url: str) -> list[str]:
    """The host of a URL as Django compares it, with the brackets of an IPv6 address."""
    host = urlsplit(url).hostname
    return [f"[{host}]" if ":" in host else host] if host else []


def _load_or_create_secret(path: Path) -> str:
    # Web and worker may start at the same moment: a hard link makes the complete file appear.
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary_path = path.with_name(f".secret_key.{os.getpid()}")
        temporary_path.touch(mode=0o600)
        temporary_path.write_text(secrets.token_urlsafe(50), encoding="ascii")
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary_path)
        temporary_path.unlink()
    return path.read_text(encoding="ascii")
