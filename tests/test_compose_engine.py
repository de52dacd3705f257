"""`compose.yaml` as a whole, started for real. Every line of it is read in `test_compose.py`.

It needs a container engine and its images. Where there is none, the report says what was missing.
"""

import http.client
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator

import pytest

from evolink_studio.environment import ROOT

PROJECT = "evolink-studio-test"
SECRETS = {
    "SECRET_KEY": "a-long-word-for-this-test-alone-0123456789abcdef",
    "EVOLINK_API_KEY": "sk-evo-no-such-key",
    "POSTGRES_PASSWORD": "a-password",
    "S3_SECRET_KEY": "another-password",
}
ENGINES = (("docker", "compose"), ("podman", "compose"))
PROBE_SECONDS = 20
START_SECONDS = 900  # with building the image and fetching the others


def find_engine() -> tuple[tuple[str, ...], str]:
    """The command of an engine that answers, or () and what is missing."""
    reasons = []
    for engine in ENGINES:
        if shutil.which(engine[0]) is None:
            reasons.append(f"no {engine[0]}")
            continue
        # One answers only where its daemon does, the other only with its plugin.
        for command in ([engine[0], "info"], [*engine, "version"]):
            probe = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS)
            if probe.returncode:
                last_words = (probe.stderr.strip() or probe.stdout.strip()).splitlines()[-1:]
                reasons.append(f"{' '.join(command)}: {' '.join(last_words)}")
                break
        else:
            return engine, ""
    return (), "; ".join(reasons)


@pytest.fixture
def compose() -> Iterator[list[str]]:
    """The command that speaks to all that was started; everything is gone afterwards."""
    engine, missing = find_engine()
    if not engine:
        pytest.skip(f"compose.yaml was read line by line, but not started: {missing}")
    command = [*engine, "--project-name", PROJECT]
    try:
        run([*command, "up", "--build", "--detach", "--wait"], START_SECONDS)
        yield command
    finally:
        run([*command, "down", "--volumes", "--timeout", "30"], 120)


def run(command: list[str], timeout: float) -> str:
    """What a command printed. Fails with its last words when it does."""
    result = subprocess.run(
        command, cwd=ROOT, env=os.environ | SECRETS, capture_output=True, text=True, timeout=timeout
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_the_whole_studio_starts_works_and_ends_in_good_order(compose):
    deadline = time.monotonic() + 60
    while (answer := get(8000, "/readyz"))[0] != 200 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert answer[0] == 200, json.loads(answer[1])
    assert get(8000, "/account/login/")[0] == 200

    script = (
        "from evolink_studio.generations.models import Heartbeat; print(Heartbeat.objects.count())"
    )
    shell = [*compose, "exec", "-T", "web", "python", "manage.py", "shell", "-v", "0", "-c"]
    assert int(run([*shell, script], 60)) == 2, "as many as there are workers"

    run([*compose, "stop", "web", "worker"], 90)
    states = run([*compose, "ps", "--all", "--format", "{{.Service}} {{.ExitCode}}"], 30)
    exit_codes = {tuple(line.split()) for line in states.splitlines()}
    assert {("web", "0"), ("worker", "0")} <= exit_codes


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"docker info": 0, "docker compose version": 0}, ("docker", "compose")),
        ({"docker info": 1, "podman info": 0, "podman compose version": 0}, ("podman", "compose")),
        ({"docker info": 0, "docker compose version": 1}, ()),
        ({}, ()),
    ],
    ids=["docker", "podman", "without compose", "none"],
)
def test_an_engine_counts_when_it_answers(tmp_path, monkeypatch, answers, expected):
    for engine in {command.split()[0] for command in answers}:
        cases = "".join(
            f'[ "{engine} $*" = "{command}" ] && exit {code}\n' for command, code in answers.items()
        )
        script = tmp_path / engine
        script.write_text(f"#!/bin/sh\n{cases}echo not so >&2\nexit 1\n")
        script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    engine, missing = find_engine()
    assert engine == expected
    assert bool(missing) == (not expected)
