"""The studio's worker whose database waits less long for a lock. Argument: seconds."""

import sys
from typing import Any

import django
from django.db import connections


def short_timeout_options(seconds: float) -> dict[str, Any]:
    """The options of this studio's database, with another wait for a lock."""
    options = connections.settings["default"]["OPTIONS"]
    if "timeout" in options:
        return {**options, "timeout": seconds}
    return {
        **options,
        "options": f"{options['options']} -c lock_timeout={int(seconds * 1000)}",
    }


def main(seconds: float) -> None:
    from django.core.management import call_command

    django.setup()
    connections.settings["default"]["OPTIONS"] = short_timeout_options(seconds)
    call_command("worker")


if __name__ == "__main__":
    main(float(sys.argv[1]))
