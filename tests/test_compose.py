"""`compose.yaml` and `Dockerfile` are read by people; these tests see that what they say is so."""

import json
import re
import shlex
import tomllib
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class

from evolink_studio.environment import ROOT, Environment
from evolink_studio.operations.process_commands import build_web_command

STOP_GRACE_SECONDS = 25  # seconds for ending in good order
ENVIRONMENT_NAMES = {field.validation_alias for field in Environment.model_fields.values()}


class YamlLines:
    """The little of YAML that the file uses: maps, lists of words, `&name` and `<<: *name`."""

    def __init__(self, text: str) -> None:
        bare = [re.sub(r"(^|\s)#.*", "", line).rstrip() for line in text.splitlines()]
        self._lines = [line for line in bare if line]
        self._anchors: dict[str, dict[str, Any]] = {}

    def parse_block(self, depth: int = 0) -> Any:
        """What stands at this depth and below, up to a line further left."""
        if self._is_at(depth) and self._lines[0].lstrip().startswith("- "):
            return list(self._items(depth))
        mapping: dict[str, Any] = {}
        while self._is_at(depth):
            name, _, value = self._lines.pop(0).strip().partition(":")
            value = value.strip()
            if name == "<<":
                mapping = {**self._anchors[value.removeprefix("*")], **mapping}
            elif value and not value.startswith("&"):
                mapping[name] = json.loads(value) if value.startswith("[") else value
            else:
                mapping[name] = self.parse_block(self._depth()) if self._depth() > depth else {}
            if value.startswith("&"):
                self._anchors[value.removeprefix("&")] = mapping[name]
        return mapping

    def _items(self, depth: int):
        while self._is_at(depth):
            yield self._lines.pop(0).strip().removeprefix("- ")

    def _depth(self) -> int:
        return len(self._lines[0]) - len(self._lines[0].lstrip()) if self._lines else 0

    def _is_at(self, depth: int) -> bool:
        return bool(self._lines) and self._depth() == depth


COMPOSE = YamlLines((ROOT / "compose.yaml").read_text()).parse_block()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
STUDIO_SERVICES = {
    name: service for name, service in SERVICES.items() if service.get("build") == "."
}
DOCKERFILE_LINES = [
    line.partition(" ")
    for line in (ROOT / "Dockerfile").read_text().splitlines()
    if line and not line.startswith("#")
]


def service_environment(service: dict[str, Any]) -> dict[str, str]:
    """Its environment as it would be, with something for what only an operator knows."""
    return {
        name: re.sub(r"\$\{\w+:([-?])([^}]*)\}", lambda m: m[2] if m[1] == "-" else "given", value)
        for name, value in service["environment"].items()
    }


def assert_runnable(command: str) -> None:
    """Fails unless this starts something that exists, with arguments that it takes."""
    words = shlex.split(command)
    if words[0] == "gunicorn":
        web_command = build_web_command(Environment(BIND="0.0.0.0", PORT=8000, WEB_WORKERS=2))
        assert words[:2] == ["gunicorn", "evolink_studio.wsgi"]
        assert words[2:] == web_command[web_command.index("--bind") :]
        return
    assert words[:2] == ["python", "manage.py"]
    command_class = load_command_class(get_commands()[words[2]], words[2])
    command_class.create_parser("manage.py", words[2]).parse_args(words[3:])


def test_the_file_has_a_proxy_web_two_workers_a_migration_a_database_and_a_store():
    assert set(SERVICES) == {"proxy", "web", "worker", "migrate", "database", "store"}
    assert set(STUDIO_SERVICES) == {"web", "worker", "migrate"}
    assert int(SERVICES["worker"]["deploy"]["replicas"]) == 2


@pytest.mark.parametrize("name", STUDIO_SERVICES)
def test_every_setting_is_one_that_the_studio_knows(name):
    assert set(STUDIO_SERVICES[name]["environment"]) <= ENVIRONMENT_NAMES


@pytest.mark.parametrize("name", STUDIO_SERVICES)
def test_its_settings_start_a_studio_that_scales(monkeypatch, name):
    for key, value in service_environment(STUDIO_SERVICES[name]).items():
        monkeypatch.setenv(key, value)
    env = Environment()
    assert env.database_url.startswith("postgres://")
    assert not env.is_sandbox, "a sandbox on its own machine would answer only itself"
    assert env.s3_endpoint_url == "http://store:8333"
    assert env.media_origins == ["http://127.0.0.1:8333"]


@pytest.mark.parametrize("name", STUDIO_SERVICES)
def test_every_service_runs_a_command_that_exists(name):
    assert_runnable(STUDIO_SERVICES[name]["command"])


@pytest.mark.parametrize("name", STUDIO_SERVICES)
def test_what_is_in_progress_has_time_to_end(name):
    assert int(STUDIO_SERVICES[name]["stop_grace_period"].removesuffix("s")) > STOP_GRACE_SECONDS


def test_nothing_starts_on_tables_of_yesterday():
    for name in ("web", "worker"):
        condition = STUDIO_SERVICES[name]["depends_on"]["migrate"]["condition"]
        assert condition == "service_completed_successfully"


def test_the_question_whether_web_lives_has_an_answer(client):
    command = " ".join(SERVICES["web"]["healthcheck"]["test"])
    path = re.search(r"http://127\.0\.0\.1:8000(/\w+)", command)
    assert path is not None
    assert client.get(path[1]).status_code == 200


PROXY_LINES = [
    line.strip().removesuffix(";")
    for line in re.sub(r"#.*", "", (ROOT / "nginx.conf").read_text()).splitlines()
]


def test_people_reach_web_through_the_proxy_alone():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy", "store"]
    assert SERVICES["proxy"]["volumes"] == ["./nginx.conf:/etc/nginx/conf.d/default.conf:ro"]
    (bind,) = re.findall(r"--bind 0\.0\.0\.0:(\d+) ", SERVICES["web"]["command"])
    assert f"proxy_pass http://web:{bind}" in PROXY_LINES
    assert SERVICES["proxy"]["depends_on"]["web"]["condition"] == "service_healthy"
    assert SERVICES["proxy"]["healthcheck"]["test"][-1].endswith("/healthz")


def test_the_proxy_takes_slow_connections_off_web():
    assert {"proxy_request_buffering on", "proxy_buffering on"} <= set(PROXY_LINES)
    assert {"client_header_timeout 20s", "client_body_timeout 30s"} <= set(PROXY_LINES)


def test_what_the_proxy_lets_through_is_more_than_an_upload():
    """Else people would read the proxy's own page instead of the studio's sentence."""
    (size,) = (line.split()[1] for line in PROXY_LINES if line.startswith("client_max_body_size"))
    default = Environment.model_fields["max_upload_mb"].default
    assert int(size.removesuffix("m")) > default


def test_the_address_that_is_believed_is_the_one_the_proxy_saw():
    trusted_count = service_environment(SERVICES["web"])["TRUSTED_PROXIES"]
    assert trusted_count == "1", "the last of X-Forwarded-For, which the proxy adds"
    assert "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for" in PROXY_LINES
    assert "proxy_set_header X-Forwarded-Proto $scheme" in PROXY_LINES


def test_both_sides_have_the_same_passwords_and_the_same_bucket():
    database, store, worker = (SERVICES[name] for name in ("database", "store", "worker"))
    environment = service_environment(worker)
    password = service_environment(database)["POSTGRES_PASSWORD"]
    assert environment["DATABASE_URL"] == f"postgres://studio:{password}@database:5432/studio"
    assert environment["S3_ACCESS_KEY"] == store["environment"]["AWS_ACCESS_KEY_ID"]
    assert worker["environment"]["S3_SECRET_KEY"] == store["environment"]["AWS_SECRET_ACCESS_KEY"]
    assert f"-bucket={environment['S3_BUCKET']}" in store["command"].split()


def test_images_are_named_without_a_host_and_with_a_version():
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    images += [arguments for word, _, arguments in DOCKERFILE_LINES if word == "FROM"]
    for image in images:
        assert re.fullmatch(r"([\w-]+/)?[\w-]+:[\w.-]+", image), image


def test_the_image_has_a_python_that_the_studio_wants():
    (base,) = (arguments for word, _, arguments in DOCKERFILE_LINES if word == "FROM")
    python_version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "requires-python"
    ]
    assert base == f"python:{python_version.removeprefix('>=')}-slim"


def test_the_image_runs_as_nobody_special_and_runs_something():
    words = [word for word, _, _ in DOCKERFILE_LINES]
    (user,) = (arguments for word, _, arguments in DOCKERFILE_LINES if word == "USER")
    assert user not in {"root", "0"}
    assert words.index("USER") > max(i for i, word in enumerate(words) if word in {"RUN", "COPY"})
    (command,) = (arguments for word, _, arguments in DOCKERFILE_LINES if word == "CMD")
    assert_runnable(shlex.join(json.loads(command)))


def test_what_the_image_needs_exists_and_gets_in():
    allowed_files = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert all((ROOT / name).exists() for name in allowed_files)
    sources = [arguments.split()[0] for word, _, arguments in DOCKERFILE_LINES if word == "COPY"]
    assert set(sources) - {"."} <= allowed_files
