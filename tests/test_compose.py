"""`compose.yaml` and `Dockerfile` are read by people; these tests see that what they say is so.

Where a container engine is at hand, `test_compose_engine.py` starts them as well.
"""

import json
import re
import shlex
import tomllib
from typing import Any

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from evolink_studio.environment import ROOT, Environment
from evolink_studio.operations.process_commands import build_web_command
from evolink_studio.operations.supervisor import SHUTDOWN_TIMEOUT_SECONDS
from evolink_studio.worker.worker import DRAIN_TIMEOUT_SECONDS

VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
KNOWN_KEYS = {  # of a service: each is looked at below
    "build", "command", "depends_on", "deploy", "environment", "healthcheck", "image", "ports",
    "restart", "stop_grace_period", "volumes",
}  # fmt: skip
ENVIRONMENT_NAMES = {field.validation_alias for field in Environment.model_fields.values()}


COMPOSE_TEXT = (ROOT / "compose.yaml").read_text()
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
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
        name: VARIABLE.sub(lambda m: m[3] if m[2] == "-" else "given", value)
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
    seconds = int(STUDIO_SERVICES[name]["stop_grace_period"].removesuffix("s"))
    (web_seconds,) = re.findall(r"--graceful-timeout (\d+)", SERVICES["web"]["command"])
    assert seconds > max(SHUTDOWN_TIMEOUT_SECONDS, DRAIN_TIMEOUT_SECONDS, int(web_seconds))


def test_the_commands_are_those_of_the_procfile():
    """But for the address: here it is the container's, and which port is the proxy's affair."""
    lines = (line.partition(": ") for line in (ROOT / "Procfile").read_text().splitlines())
    expand = {"BIND": "0.0.0.0"}
    command_by_name = {
        name: VARIABLE.sub(lambda m: expand.get(m[1], m[3] or ""), command)
        for name, _, command in lines
    }
    assert SERVICES["web"]["command"] == command_by_name["web"]
    assert SERVICES["worker"]["command"] == command_by_name["worker"]
    # The static files are in the image.
    migrate, collect = command_by_name["release"].split(" && ")
    assert SERVICES["migrate"]["command"] == migrate
    assert collect.removeprefix("python ") in (ROOT / "Dockerfile").read_text()


def test_every_variable_that_a_person_sets_is_explained():
    settings_table = (ROOT / "README.md").read_text()
    opening = COMPOSE_TEXT.partition("name:")[0]
    for name, kind, _ in VARIABLE.findall(COMPOSE_TEXT):
        assert f"`{name}`" in settings_table or f"{name}=" in opening, name
        # Without it nothing starts, so the command at the top gives it.
        assert kind == "-" or f"{name}=" in opening, name
    assert len(VARIABLE.findall(COMPOSE_TEXT)) == COMPOSE_TEXT.count("${")


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_said_that_no_test_reads(name):
    assert set(SERVICES[name]) <= KNOWN_KEYS


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_waits_for_comes(name):
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        if wait["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        elif wait["condition"] == "service_completed_successfully":
            assert SERVICES[other]["restart"] == "on-failure", "else it would run for ever"
        else:
            assert wait["condition"] == "service_started"
            assert other in SERVICES


def test_what_must_outlive_a_container_lies_in_a_volume():
    mounts = [mount for s in SERVICES.values() for mount in s.get("volumes", [])]
    named_volumes = {mount.partition(":")[0] for mount in mounts if mount[0] not in "./"}
    assert named_volumes == set(COMPOSE["volumes"])
    assert all((ROOT / mount.partition(":")[0]).exists() for mount in mounts if mount[0] == ".")
    (data_folder,) = (arguments for word, _, arguments in DOCKERFILE_LINES if word == "VOLUME")
    assert all(data_folder in service["volumes"] for service in STUDIO_SERVICES.values())


def test_no_two_services_want_one_port_and_none_is_open_to_the_world():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len({port.split(":")[1] for port in ports}) == len(ports)


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
    (listen,) = (line.split()[1] for line in PROXY_LINES if line.startswith("listen "))
    assert SERVICES["proxy"]["healthcheck"]["test"][-1] == "http://127.0.0.1/healthz"
    assert [port.split(":")[-1] for port in SERVICES["proxy"]["ports"]] == [listen]


def test_the_proxy_takes_slow_connections_off_web():
    assert {"proxy_request_buffering on", "proxy_buffering on"} <= set(PROXY_LINES)
    assert {"client_header_timeout 20s", "client_body_timeout 30s"} <= set(PROXY_LINES)


def test_the_proxy_waits_longer_than_an_answer_takes():
    """Longer than web has to end in good order, else the proxy would answer 504 in its place."""
    (seconds,) = (line.split()[1] for line in PROXY_LINES if line.startswith("proxy_read_timeout"))
    assert int(seconds.removesuffix("s")) > SHUTDOWN_TIMEOUT_SECONDS


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
