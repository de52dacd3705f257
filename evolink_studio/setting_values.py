"""What the values of settings must look like: each function returns the value to use.

All raise ValueError with the reason as an end of a sentence that begins with the setting's name.
A reason never quotes the value: part of it may be a password.
"""

import re
import unicodedata
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import httpx

from evolink_studio.evolink.url_safety import is_public_address

MAX_CALLBACK_URL_LENGTH = 2048  # EvoLink's limit, in characters (evolink-api.md section 7)
CALLBACK_PATH_LENGTH = 128  # more than the path of a callback takes
_SERVICE_SCHEMES = frozenset({"http", "https"})
# Names that only have a meaning inside a network; a name without a dot is another such.
_INTERNAL_SUFFIXES = (
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "home.arpa",
)
_INTERNAL = "must be an address that EvoLink can reach, not one of this machine or a local network"
_LABEL_PATTERN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER_PATTERN = re.compile(r"\d+|0x[0-9a-f]*")  # how a resolver reads the last part as a number
_SIGN_PATTERN = re.compile(r"[\s\\\x00-\x1f\x7f]")
_EMAIL_PATTERN = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")


def parse_public_url(value: str) -> str:
    """The studio's own address as browsers write it: `https://host` or `https://host:port`."""
    if len(value) + CALLBACK_PATH_LENGTH > MAX_CALLBACK_URL_LENGTH:
        raise ValueError("is too long: with a callback's path it must fit 2048 characters")
    parts = _split_url(value, schemes=frozenset({"https"}), because="EvoLink only calls https")
    if parts.path not in ("", "/"):
        raise ValueError("must end after the host or its port: the studio has no path in front")
    host = parse_host(parts.hostname or "")
    _require_public_host(host)
    port = f":{parts.port}" if parts.port not in (None, 443) else ""
    return f"https://{_bracket(host)}{port}"


def parse_service_url(value: str) -> str:
    """The base URL of a service, without a slash at its end. It may be inside the network."""
    parts = _split_url(value, schemes=_SERVICE_SCHEMES)
    host = parts.hostname or ""
    if not host.isascii() or ":" in host:
        host = parse_host(host)
    port = f":{parts.port}" if parts.port is not None else ""
    return f"{parts.scheme}://{_bracket(host)}{port}{parts.path.rstrip('/')}"


def parse_webhook_url(value: str) -> str:
    """Where to POST. Path and query belong to it, as they often hold its secret."""
    _split_url(value, schemes=_SERVICE_SCHEMES, may_have_query=True)
    return value


def parse_mail_url(value: str) -> str:
    """`smtp://user:password@host:port`, user and port optional."""
    form = "must be smtp://user:password@host:587, with signs such as / # ? @ as %2F %23 %3F %40"
    try:
        parts = _split_url(value, schemes=frozenset({"smtp", "smtps"}), may_have_user=True)
    except ValueError as error:
        raise ValueError(form) from error
    if parts.path not in ("", "/"):
        raise ValueError(form)
    return value


def parse_email(value: str) -> str:
    """One address, as `name@host` or `Somebody <name@host>`."""
    bare = re.fullmatch(r"[^<>\r\n]*<([^<>]*)>", value)
    if not _EMAIL_PATTERN.fullmatch(bare[1] if bare else value):
        raise ValueError("must be one mail address such as studio@example.org")
    return value


def parse_allowed_hosts(value: str) -> list[str]:
    """Host names for Django's check: `*`, a name, or `.name` with all below it."""
    hosts = [host.strip() for host in value.split(",")]
    return [_parse_allowed_host(host) for host in hosts if host]


def parse_bind(value: str) -> str:
    """An address or name to listen on, without brackets."""
    try:
        return parse_host(value.removeprefix("[").removesuffix("]"))
    except ValueError as error:
        raise ValueError("must be an address such as 127.0.0.1 or ::, without a port") from error


def parse_data_folder(value: Path) -> Path:
    """The absolute path."""
    try:
        path = value.expanduser().resolve()
    except (RuntimeError, OSError) as error:
        raise ValueError("must be the path of a folder") from error
    if path.exists() and not path.is_dir():
        raise ValueError("must be the path of a folder")
    return path


def parse_host(value: str) -> str:
    """A host name in ASCII and lower case (`xn--…` for umlauts), or an IP address."""
    host = unicodedata.normalize("NFKC", value).lower()
    if ":" in host:
        return _parse_ipv6(host)
    if not host.isascii():
        try:
            host = httpx.URL(f"https://{host}").raw_host.decode("ascii")
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ValueError("must have a valid host name") from error
    host = host.removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL_PATTERN.fullmatch(label) for label in labels):
        raise ValueError("must have a valid host name")
    if _NUMBER_PATTERN.fullmatch(labels[-1]):
        try:
            return str(ip_address(host))
        except ValueError as error:
            raise ValueError("must have an IP address as four decimal numbers") from error
    return host


def _split_url(
    value: str,
    *,
    schemes: frozenset[str],
    because: str = "",
    may_have_query: bool = False,
    may_have_user: bool = False,
) -> SplitResult:
    if _SIGN_PATTERN.search(value):
        raise ValueError("must have no blanks, backslashes or control characters")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ValueError("must be an address with a valid host and a port up to 65535") from error
    if parts.scheme not in schemes or not value[len(parts.scheme) :].startswith("://"):
        starts = " or ".join(f"{scheme}://" for scheme in sorted(schemes))
        raise ValueError(f"must start with {starts}" + (f", because {because}" if because else ""))
    if parts.username is not None and not may_have_user:
        raise ValueError("must have no user name or password")
    if not parts.hostname:
        raise ValueError("must be a full address such as https://example.org")
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError("must have a port from 1 to 65535, or none")
    if not may_have_query and ("?" in value or "#" in value):
        raise ValueError("must end without ? and #")
    return parts


def _parse_ipv6(host: str) -> str:
    try:
        address = IPv6Address(host)
    except ValueError as error:
        raise ValueError("must have a valid IPv6 address") from error
    if address.scope_id:
        raise ValueError("must have an IPv6 address without a zone")
    return str(address)


def _require_public_host(host: str) -> None:
    try:
        address = str(ip_address(host))
    except ValueError:
        is_named = "." in host and not f".{host}".endswith(
            tuple(f".{suffix}" for suffix in _INTERNAL_SUFFIXES)
        )
        if not is_named:
            raise ValueError(_INTERNAL) from None
        return
    if not is_public_address(address):
        raise ValueError(_INTERNAL)


def _parse_allowed_host(host: str) -> str:
    if host == "*":
        return host
    dot = "." if host.startswith(".") else ""
    try:
        return dot + _bracket(parse_host(host[len(dot) :].removeprefix("[").removesuffix("]")))
    except ValueError as error:
        raise ValueError(
            "must be host names with commas, without https://, port or path"
        ) from error


def _bracket(host: str) -> str:
    """The host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host
