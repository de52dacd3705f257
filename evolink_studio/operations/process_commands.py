"""The commands of a studio's processes; the `Procfile` names the same ones one by one."""

import sys

from evolink_studio.environment import ROOT, Environment

MANAGE_COMMAND = [sys.executable, str(ROOT / "manage.py")]
WEB_THREADS = 8


def build_web_command(env: Environment) -> list[str]:
    """gunicorn. `--reuse-port` spreads kept-alive connections over the processes."""
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "evolink_studio.wsgi",
        "--chdir",
        str(ROOT),
        "--bind",
        f"{env.bind_host}:{env.port}",
        "--workers",
        str(env.web_workers),
        "--worker-class",
        "evolink_studio.operations.web_worker.WebWorker",
        "--threads",
        str(WEB_THREADS),
        "--preload",
        "--reuse-port",
        "--no-control-socket",
        "--graceful-timeout",
        "20",
        "--log-level",
        "warning",
    ]


def build_commands(env: Environment) -> dict[str, list[str]]:
    """Web, worker and, without a key, the sandbox, by name; the web server comes first."""
    commands = {"web": build_web_command(env), "worker": [*MANAGE_COMMAND, "worker"]}
    return commands | ({"sandbox": build_sandbox_command(env)} if env.is_sandbox else {})


def build_sandbox_command(env: Environment) -> list[str]:
    """The provider on this machine; it does not load Django, so it starts at once."""
    options = ["--port", str(env.sandbox_port), "--data", str(env.studio_data / "sandbox")]
    return [sys.executable, "-m", "evolink_studio.sandbox", *options]
