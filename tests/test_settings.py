"""What an operator may set: documented, checked at the start, and never shown."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from evolink_studio.environment import DEFAULT_API_URL, DEFAULT_FILES_URL, ROOT, Environment

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
