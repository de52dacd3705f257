"""The processes of a studio. The Procfile starts the same ones one by one."""

import sys

from evolink_studio.engine.supervisor import Child
from evolink_studio.environment import ROOT, Environment

MANAGE = [sys.executable, str(ROOT / "manage.py")]
THREADS = 8


def web(env: Environment) -> list[str]:
    """gunicorn with threads. `--reuse-port` spreads kept-alive connections over the processes."""
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "evolink_studio.wsgi",
        "--chdir",
        str(ROOT),
        "--bind",
        f"{env.bind}:{env.port}",
        "--workers",
        str(env.web_workers),
        "--worker-class",
        "gthread",
        "--threads",
        str(THREADS),
        "--preload",
        "--reuse-port",
        "--no-control-socket",
        "--keep-alive",
        "30",
        "--graceful-timeout",
        "20",
        "--log-level",
        "warning",
    ]


def children(env: Environment) -> list[Child]:
    """Web, worker and, without a key, the sandbox."""
    found = [Child("web", web(env)), Child("worker", [*MANAGE, "worker"])]
    return [*found, Child("sandbox", sandbox(env))] if env.sandboxed else found


def sandbox(env: Environment) -> list[str]:
    """The far end on this machine; it loads nothing of the studio, so it is there at once."""
    where = ["--port", str(env.sandbox_port), "--data", str(env.studio_data / "sandbox")]
    return [sys.executable, "-m", "evolink_studio.sandbox", *where]
