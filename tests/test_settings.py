"""What an operator may set: documented, checked at the start, and never shown."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pydantic import ValidationError

from evolink_studio.environment import DEFAULT_API_URL, DEFAULT_FILES_URL, ROOT, Environment
from evolink_studio.setting_values import CALLBACK_PATH_LENGTH, MAX_CALLBACK_URL_LENGTH

README = (ROOT / "README.md").read_text("utf-8")
FIELDS = Environment.model_fields
VARIABLE_NAMES = {str(field.validation_alias) for field in FIELDS.values()}


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch):
    """An environment that says nothing of the studio."""
    for name in VARIABLE_NAMES:
        monkeypatch.delenv(name, raising=False)


def environment_with(monkeypatch, **values) -> Environment:
    for name, value in values.items():
        monkeypatch.setenv(name, str(value))
    return Environment()


# --- documented -------------------------------------------------------------------------------


def documented_variables() -> dict[str, str]:
    """The rows of the README's table, by name."""
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \|(.*)\|$", README, re.MULTILINE)
    return dict(rows)


@pytest.mark.parametrize("name", sorted(VARIABLE_NAMES))
def test_every_setting_stands_in_the_readme_with_its_own_words(name):
    assert name in documented_variables(), f"README: | `{name}` | default | what it does |"
    field = next(field for field in FIELDS.values() if field.validation_alias == name)
    description = " ".join((field.description or "").split())
    assert description
    assert description in documented_variables()[name]


def test_the_readme_documents_no_setting_that_there_is_not():
    assert set(documented_variables()) <= VARIABLE_NAMES


def test_every_setting_is_named_as_its_field():
    for name, field in FIELDS.items():
        assert field.validation_alias == name.upper()


# --- checked ----------------------------------------------------------------------------------

INVALID_VALUES = [
    ("PORT", "eight"),
    ("PORT", "0"),
    ("PORT", "65536"),
    ("WEB_WORKERS", "0"),
    ("WEB_WORKERS", "1000"),
    ("TRUSTED_PROXIES", "-1"),
    ("MAX_UPLOAD_MB", "0"),
    ("EVOLINK_API_URL", "api.evolink.ai"),
    ("EVOLINK_API_URL", "ftp://api.evolink.ai"),
    ("EVOLINK_FILES_URL", "https://"),
    ("PUBLIC_URL", "http://studio.example.org"),
    ("PUBLIC_URL", "studio"),
    ("EVOLINK_API_KEY", "sk evo two words"),
    ("EVOLINK_API_KEY", "sk-évo"),
    ("LOG_LEVEL", "LOUD"),
    ("BIND", "127.0.0.1:8000"),
    ("BIND", "http://127.0.0.1"),
    ("BIND", "127.1"),
    ("WEB_WORKERS", "-1"),
    ("RUNNING_AT_ONCE", "9" * 30),
    ("UPLOADS_PER_HOUR", "9" * 30),
    ("LIBRARY_MB_PER_PERSON", "9" * 30),
    ("RUNNING_PER_PERSON", "1.5"),
    ("CREDITS_PER_USD", "0"),
    ("CREDITS_PER_USD", "NaN"),
    ("CREDITS_PER_USD", "1e99"),
    ("MAX_UPLOAD_MB", "9" * 30),
    ("TRUSTED_PROXIES", "one"),
    ("STUDIO_DATA", __file__),
    ("STUDIO_DATA", "~nobody-of-this-name/studio"),
    ("S3_BUCKET", "films; script-src *"),
    ("S3_REGION", "eu west"),
    ("METRICS_TOKEN", "schlüssel"),
    ("ALLOWED_HOSTS", "https://studio.example.org"),
    ("ALLOWED_HOSTS", "studio.example.org:8000"),
    ("ALLOWED_HOSTS", "a.org b.org"),
    ("EMAIL_URL", "mail.example.org"),
    ("EMAIL_URL", "smtp://user:pass/word@mail.example.org"),
    ("EMAIL_URL", "smtp://mail.example.org:smtp"),
    ("EMAIL_URL", "https://mail.example.org"),
    ("ALERT_EMAIL", "ada"),
    ("ALERT_EMAIL", "ada@example.org, bob@example.org"),
    ("EMAIL_FROM", "Studio\nBcc: all@example.org"),
    ("ALERT_WEBHOOK", "example.org/hook"),
    ("ALERT_WEBHOOK", "https://example.org:99999/hook"),
    ("DATABASE_URL", "sqlite://"),
    ("DATABASE_URL", "sqlite://:memory:"),
    ("DATABASE_URL", "studio.sqlite3"),
    ("DATABASE_URL", "mysql://studio:word@127.0.0.1/studio"),
    ("DATABASE_URL", "postgres://studio:word@127.0.0.1:port/studio"),
]


@pytest.mark.parametrize(("name", "value"), INVALID_VALUES, ids=map("=".join, INVALID_VALUES))
def test_a_value_that_makes_no_sense_is_refused_by_its_name(monkeypatch, name, value):
    with pytest.raises(ValidationError) as exc_info:
        environment_with(monkeypatch, **{name: value})
    assert name in str(exc_info.value)


def test_such_a_value_stops_the_start(tmp_path):
    env = {**os.environ, "STUDIO_DATA": str(tmp_path), "PORT": "eight"}
    env["DJANGO_SETTINGS_MODULE"] = "evolink_studio.settings"
    result = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "check"], env=env, capture_output=True, text=True
    )
    assert result.returncode != 0
    assert "PORT" in result.stderr
    assert not (tmp_path / "studio.sqlite3").exists()


SERVICE_NAMES = ["EVOLINK_API_URL", "EVOLINK_FILES_URL", "S3_ENDPOINT_URL", "S3_PUBLIC_URL"]
BROKEN_URLS = [
    "https://user@a.example.org",
    "https://user:word@a.example.org",
    "https://@a.example.org",
    "https://a.example.org?x=1",
    "https://a.example.org/?",
    "https://a.example.org/#part",
    "https://a.example.org#",
    "https://a.example.org:0",
    "https://a.example.org:",
    "https://a.example.org:70000",
    "https://a.example.org:-1",
    "https://a.example.org:port",
    "https://a.exam ple.org",
    "https://a.example.org\tb",
    "https://a.example.org\\b",
    "https:///a.example.org",
    "https:a.example.org",
    "https://:443",
    "https://[::1",
    "https://[fe80::1%25eth0]",
    "https://[::g]",
    "//a.example.org",
    "a.example.org",
    "a.example.org:443",
    "ftp://a.example.org",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("name", [*SERVICE_NAMES, "PUBLIC_URL"])
@pytest.mark.parametrize("url", BROKEN_URLS)
def test_an_address_that_is_none_is_refused_wherever_one_is_set(monkeypatch, name, url):
    with pytest.raises(ValidationError) as exc_info:
        environment_with(monkeypatch, **{name: url})
    assert name in str(exc_info.value)
    assert url not in str(exc_info.value), "it may hold a password"


# --- the studio's own address -----------------------------------------------------------------

INTERNAL_HOSTS = [
    "localhost",
    "localhost.",
    "LOCALHOST",
    "studio.localhost",
    "studio",
    "studio.local",
    "studio.internal",
    "studio.lan",
    "router.home.arpa",
    "127.0.0.1",
    "127.0.0.1.",
    "127.8.8.8",
    "10.0.0.5",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.20",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.0x1",
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
    "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fc00::1]",
    "[fd12:3456:789a::1]",
    "[ff02::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:8.8.8.8]",
    "[::ffff:c0a8:0101]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
]


@pytest.mark.parametrize("host", INTERNAL_HOSTS)
def test_the_studios_own_address_is_none_that_only_this_network_knows(monkeypatch, host):
    for url in (f"https://{host}", f"https://{host}:8443/"):
        with pytest.raises(ValidationError) as exc_info:
            environment_with(monkeypatch, PUBLIC_URL=url)
        assert "PUBLIC_URL" in str(exc_info.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://192.168.1.20", "that EvoLink can reach"),
        ("https://2130706433", "four decimal numbers"),
        ("https://me:word@studio.example.org", "no user name or password"),
        ("https://studio.example.org/studio", "no path"),
        ("https://studio.example.org//", "no path"),
        ("https://studio.example.org?a=b", "without ? and #"),
        ("https://studio.example.org:0", "port from 1 to 65535"),
        ("http://studio.example.org", "EvoLink only calls https"),
        ("https://my_studio.example.org", "valid host name"),
        ("https://-studio.example.org", "valid host name"),
        ("https://studio..example.org", "valid host name"),
        ("https://xn--zzzzzz\u00fc.example.org", "valid host name"),
        (f"https://{'a' * 64}.example.org", "valid host name"),
        (f"https://{'a.' * 127}example.org", "valid host name"),
        (f"https://studio.example.org/{'a' * 2048}", "too long"),
    ],
)
def test_the_reason_why_it_is_refused_is_said(monkeypatch, url, reason):
    with pytest.raises(ValidationError) as exc_info:
        environment_with(monkeypatch, PUBLIC_URL=url)
    assert reason in str(exc_info.value)


@pytest.mark.parametrize(
    ("url", "public_url", "host"),
    [
        ("https://studio.example.org/", "https://studio.example.org", "studio.example.org"),
        (" HTTPS://Studio.Example.ORG. ", "https://studio.example.org", "studio.example.org"),
        ("https://studio.example.org:443", "https://studio.example.org", "studio.example.org"),
        (
            "https://studio.example.org:8443",
            "https://studio.example.org:8443",
            "studio.example.org",
        ),
        ("https://m\u00fcller.de", "https://xn--mller-kva.de", "xn--mller-kva.de"),
        ("https://mu\u0308ller.de:8443", "https://xn--mller-kva.de:8443", "xn--mller-kva.de"),
        ("https://xn--mller-kva.de", "https://xn--mller-kva.de", "xn--mller-kva.de"),
        ("https://8.8.8.8", "https://8.8.8.8", "8.8.8.8"),
        (
            "https://[2606:4700:0:0::1111]:8443",
            "https://[2606:4700::1111]:8443",
            "[2606:4700::1111]",
        ),
    ],
)
def test_it_is_kept_as_browsers_write_it(monkeypatch, url, public_url, host):
    env = environment_with(monkeypatch, PUBLIC_URL=url)
    assert env.public_url == public_url
    assert env.hosts[-1] == host


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["https://m\u00fcller.de", "https://[2606:4700::1111]:8443"])
def test_umlauts_and_ipv6_work_as_host_as_origin_and_in_callbacks(monkeypatch, settings, url):
    env = environment_with(monkeypatch, PUBLIC_URL=url)
    settings.ALLOWED_HOSTS, settings.CSRF_TRUSTED_ORIGINS = env.hosts, [env.public_url]
    client = Client(enforce_csrf_checks=True)
    headers = {"Host": env.public_url.removeprefix("https://"), "Origin": env.public_url}
    page = client.get("/account/login/", headers=headers)
    assert page.status_code == 200
    form = {"login": "a", "password": "b", "csrfmiddlewaretoken": page.context["csrf_token"]}
    assert client.post("/account/login/", form, headers=headers).status_code == 200
    callback_url = env.public_url + reverse("callback", args=["x" * 64])
    assert len(callback_url) <= MAX_CALLBACK_URL_LENGTH
    assert len(reverse("callback", args=["x" * 64])) <= CALLBACK_PATH_LENGTH
    assert callback_url.isascii()


def test_what_else_has_umlauts_or_ipv6(monkeypatch):
    env = environment_with(
        monkeypatch,
        ALLOWED_HOSTS="M\u00fcller.de, ::1, [::1], .example.org, *",
        BIND="[::]",
        S3_ENDPOINT_URL="http://my_store:8333/path/",
        EVOLINK_API_URL="https://m\u00fcller.de/v2/",
    )
    assert env.hosts[3:] == ["xn--mller-kva.de", "[::1]", "[::1]", ".example.org", "*"]
    assert (env.bind, env.bind_host) == ("::", "[::]")
    assert env.s3_endpoint_url == "http://my_store:8333/path"
    assert env.evolink_api_url == "https://xn--mller-kva.de/v2"


@pytest.mark.parametrize("command", [["manage.py", "studio"], ["-m", "evolink_studio.wsgi"]])
def test_a_refused_address_ends_every_process_with_one_line(tmp_path, command):
    env = {**os.environ, "STUDIO_DATA": str(tmp_path), "PUBLIC_URL": "https://me:word@10.0.0.1"}
    env["DJANGO_SETTINGS_MODULE"] = "evolink_studio.settings"
    result = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stderr == "PUBLIC_URL must have no user name or password.\n"
    assert list(tmp_path.iterdir()) == []


def test_every_value_that_makes_no_sense_has_its_line(tmp_path):
    env = {**os.environ, "STUDIO_DATA": str(tmp_path), "PORT": "abc", "PUBLIC_URL": "https://a"}
    env["DJANGO_SETTINGS_MODULE"] = "evolink_studio.settings"
    result = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=env, capture_output=True, text=True
    )
    names = [line.split()[0] for line in result.stderr.splitlines()]
    assert sorted(names) == ["PORT", "PUBLIC_URL"]


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    env = {**os.environ, "STUDIO_DATA": str(tmp_path / "file" / "data"), "SECRET_KEY": ""}
    env["DJANGO_SETTINGS_MODULE"] = "evolink_studio.settings"
    result = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stderr == "STUDIO_DATA cannot be written to: Not a directory.\n"


@pytest.mark.parametrize("value", [" ", "\t", "\n "])
def test_a_blank_value_is_as_good_as_none(monkeypatch, value):
    names = ["PORT", "PUBLIC_URL", "STUDIO_DATA", "SECRET_KEY", "LOG_LEVEL", "EVOLINK_API_KEY"]
    env = environment_with(monkeypatch, **dict.fromkeys(names, value))
    assert (env.port, env.public_url, env.studio_data) == (8000, "", ROOT / "var")
    assert (env.secret_key.get_secret_value(), env.log_level, env.is_sandbox) == ("", "INFO", True)


@pytest.mark.parametrize("key", ["sk evo two secret words", "sk-evo-\nsecret", "sk-secret-é"])
def test_a_key_that_is_refused_is_not_printed(monkeypatch, key):
    with pytest.raises(ValidationError) as exc_info:
        environment_with(monkeypatch, EVOLINK_API_KEY=key)
    assert "EVOLINK_API_KEY" in str(exc_info.value)
    assert "secret" not in str(exc_info.value)


@pytest.mark.parametrize("url", ["postgres://me:my/secret@db/x", "postgres//me:secret@db/x"])
def test_a_database_address_that_is_refused_does_not_print_its_password(monkeypatch, url):
    with pytest.raises(ValidationError) as exc_info:
        environment_with(monkeypatch, DATABASE_URL=url)
    assert "DATABASE_URL" in str(exc_info.value)
    assert "secret" not in str(exc_info.value)


def test_secrets_are_never_shown(monkeypatch):
    env = environment_with(monkeypatch, EVOLINK_API_KEY="sk-evo-hidden", SECRET_KEY="also-hidden")
    assert "hidden" not in repr(env)
    assert "hidden" not in str(env.model_dump())


def test_an_empty_value_is_as_good_as_none(monkeypatch):
    env = environment_with(monkeypatch, PORT="", EVOLINK_API_URL="", STUDIO_DATA="")
    assert (env.port, env.studio_data) == (8000, ROOT / "var")


# --- the provider ---------------------------------------------------------------------------------


def test_without_a_key_the_sandbox_on_the_next_port_is_the_provider(monkeypatch):
    env = environment_with(monkeypatch, PORT=9000)
    assert env.is_sandbox
    assert (env.api_url, env.files_url) == ("http://127.0.0.1:9001", "http://127.0.0.1:9001")
    assert environment_with(monkeypatch, PORT=65535).sandbox_port == 65534


def test_without_a_key_nothing_goes_to_an_address_meant_for_one(monkeypatch):
    env = environment_with(
        monkeypatch, EVOLINK_API_URL="https://api.evolink.ai", EVOLINK_API_KEY=" "
    )
    assert env.is_sandbox
    assert env.api_url.startswith("http://127.0.0.1:")


def test_with_a_key_evolink_is_the_provider(monkeypatch):
    env = environment_with(monkeypatch, EVOLINK_API_KEY="  sk-evo-1  ")
    assert not env.is_sandbox
    assert (env.api_url, env.files_url) == (DEFAULT_API_URL, DEFAULT_FILES_URL)
    assert env.evolink_api_key.get_secret_value() == "sk-evo-1"


def test_the_files_url_follows_the_url_that_was_named(monkeypatch):
    env = environment_with(monkeypatch, EVOLINK_API_KEY="k", EVOLINK_API_URL="http://10.0.0.5:9/")
    assert (env.api_url, env.files_url) == ("http://10.0.0.5:9", "http://10.0.0.5:9")
    env = environment_with(monkeypatch, EVOLINK_FILES_URL="http://10.0.0.6:9")
    assert env.files_url == "http://10.0.0.6:9"


# --- hosts ------------------------------------------------------------------------------------


def test_the_studio_answers_to_loopback_its_public_name_and_those_that_were_named(monkeypatch):
    env = environment_with(
        monkeypatch, PUBLIC_URL="https://studio.example.org:8443", ALLOWED_HOSTS=" a.org ,,b.org"
    )
    loopback = ["localhost", "127.0.0.1", "[::1]"]
    assert env.hosts == [*loopback, "a.org", "b.org", "studio.example.org"]
    assert env.public_url == "https://studio.example.org:8443"


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io"])
def test_it_answers_to_no_other_name(client, host):
    assert client.get("/account/login/", headers={"Host": host}).status_code == 400


# --- the signing secret -----------------------------------------------------------------------


def test_the_secret_is_made_once_and_kept_for_us_alone(monkeypatch, tmp_path):
    env = environment_with(monkeypatch, STUDIO_DATA=tmp_path / "new")
    secret = env.load_secret_key()
    key_path = tmp_path / "new" / "secret_key"
    assert len(secret) >= 50
    assert Environment().load_secret_key() == secret == key_path.read_text()
    assert stat.S_IMODE(key_path.stat().st_mode) == 0o600
    assert [path.name for path in key_path.parent.iterdir()] == ["secret_key"]


def test_a_secret_that_was_given_is_used_and_not_written_down(monkeypatch, tmp_path):
    env = environment_with(monkeypatch, STUDIO_DATA=tmp_path / "new", SECRET_KEY="given")
    assert env.load_secret_key() == "given"
    assert not (tmp_path / "new").exists()


def test_processes_that_start_together_agree_on_one_secret(tmp_path):
    code = (
        "from evolink_studio.environment import Environment; print(Environment().load_secret_key())"
    )
    env = {**os.environ, "STUDIO_DATA": str(tmp_path / "new")}
    env.pop("SECRET_KEY", None)
    processes = [
        subprocess.Popen([sys.executable, "-c", code], env=env, cwd=ROOT, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    outputs = {process.communicate(timeout=60)[0] for process in processes}
    assert len(outputs) == 1
    assert outputs != {b""}


def test_two_data_folders_have_two_secrets(monkeypatch, tmp_path):
    secrets = {
        environment_with(monkeypatch, STUDIO_DATA=tmp_path / name).load_secret_key()
        for name in "ab"
    }
    assert len(secrets) == 2


# --- what follows from them -------------------------------------------------------------------


def test_cookies_travel_only_over_https_once_there_is_a_public_address(tmp_path):
    code = (
        "import evolink_studio.settings as s; "
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS > 0)"
    )
    for url, expected_output in (
        ("https://studio.example.org", "True True True"),
        ("", "False False False"),
    ):
        env = {**os.environ, "STUDIO_DATA": str(tmp_path), "PUBLIC_URL": url}
        result = subprocess.run(
            [sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True
        )
        assert result.stdout.strip() == expected_output


def test_the_folder_for_data_may_be_anywhere(monkeypatch):
    env = environment_with(monkeypatch, STUDIO_DATA="~/studio")
    assert env.studio_data == Path("~/studio").expanduser().resolve()
    assert env.studio_data.is_absolute()
