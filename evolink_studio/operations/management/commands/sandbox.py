"""`manage.py sandbox`: a provider on this machine, for the studio or any other EvoLink client.

`manage.py studio` does not come here: it runs `python -m evolink_studio.sandbox`, without Django.
"""

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand

from evolink_studio.sandbox import server


class Command(BaseCommand):
    help = "Serve the sandbox: the EvoLink API on this machine, free of charge."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on.")
        parser.add_argument(
            "--port", type=int, default=settings.ENV.sandbox_port, help="Port to listen on."
        )
        parser.add_argument(
            "--pace",
            type=float,
            default=1.0,
            help="1 takes 5 to 20 s a film; 0.1 ten times faster.",
        )

    def handle(self, *args: object, **options: object) -> None:
        server.run_server(
            host=str(options["host"]),
            port=int(str(options["port"])),
            data_dir=settings.DATA_DIR / "sandbox",
            pace=float(str(options["pace"])),
        )
