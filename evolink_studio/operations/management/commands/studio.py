"""The first half of `manage.py studio`: prepares the studio, names its processes and is the first.

The other half, `operations.supervisor`, runs this and then the others. That this process becomes
the web server saves a start from importing the studio twice, which is most of what a start takes.
"""

import json
import os
import socket
import sys
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.urls import reverse
from django.utils import timezone
from gunicorn.app import wsgiapp

from evolink_studio.accounts.models import User
from evolink_studio.accounts.services import create_first_owner_link, create_owner_from_environment
from evolink_studio.environment import Environment
from evolink_studio.operations.database_setup import ensure_database
from evolink_studio.operations.process_commands import MANAGE_COMMAND, build_commands


class Command(BaseCommand):
    help = "Prepare the database, then run web, worker and, without a key, the sandbox."
    requires_system_checks: list[str] = []  # they are for who changes code

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--web",
            type=int,
            metavar="PIPE",
            help="For the supervisor: write the commands of all processes there, and be the first.",
        )

    def handle(self, *args: object, **options: object) -> None:
        pipe = options["web"]
        if pipe is None:  # called by another way than `manage.py studio`
            os.execv(sys.executable, [*MANAGE_COMMAND, "studio"])  # noqa: S606  # no shell
        env: Environment = settings.ENV
        _require_free_ports(env)
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        ensure_database()
        if _is_static_stale():
            call_command("collectstatic", interactive=False, verbosity=0)
        self._print_welcome(env, _create_owner())
        commands = build_commands(env)
        with os.fdopen(int(str(pipe)), "w") as supervisor:
            json.dump(commands, supervisor)
        _become_web_server(commands["web"])

    def _print_welcome(self, env: Environment, owner: User | None) -> None:
        base_url = env.public_url or f"http://{_format_host(env)}:{env.port}"
        token = None if owner else create_first_owner_link(now=timezone.now())
        lines = [f"EvoLink Studio is at {base_url}/"]
        if env.is_sandbox:
            lines.append("No EVOLINK_API_KEY: the sandbox makes the films, nothing costs money.")
        if owner:
            lines.append(f"The owner is {owner.username}; sign in with the password you gave.")
        if token:
            link = base_url + reverse("welcome", args=[token])
            lines.append(f"Sign in as the owner, once, within 24 hours:\n  {link}")
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def _become_web_server(command: list[str]) -> None:
    """Do in this process what the command would do in another one. Does not return."""
    connections.close_all()  # the server's processes are forked from this one
    _python, _option, module, *arguments = command
    sys.argv = [module, *arguments]
    wsgiapp.run()


def _create_owner() -> User | None:
    try:
        return create_owner_from_environment()
    except ValidationError as error:
        raise CommandError(f"DJANGO_SUPERUSER_PASSWORD: {' '.join(error.messages)}") from None


def _format_host(env: Environment) -> str:
    """Where this machine itself finds the web server."""
    loopbacks = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # compared, not bound
    return loopbacks.get(env.bind, env.bind_host)


def _require_free_ports(env: Environment) -> None:
    ports = [env.port, *([env.sandbox_port] if env.is_sandbox else [])]
    for port in ports:
        family = socket.AF_INET6 if ":" in env.bind else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((env.bind, port))
            except OSError as error:
                raise CommandError(
                    f"Port {port} on {env.bind} is taken. Stop what uses it, or set PORT."
                ) from error


def _is_static_stale() -> bool:
    """Whether a file below `static/` is newer than the collected ones."""
    collected_manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    if not collected_manifest.exists():
        return True
    sources = (path for folder in settings.STATICFILES_DIRS for path in Path(folder).rglob("*"))
    return any(path.stat().st_mtime > collected_manifest.stat().st_mtime for path in sources)
