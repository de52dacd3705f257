#!/usr/bin/env python
"""Django's command line for the studio."""

import os
import sys


def main() -> None:
    """Run one management command, for example `studio`, `migrate` or `createsuperuser`."""
    if sys.argv[1:] == ["studio"]:
        from evolink_studio.operations import supervisor

        sys.exit(supervisor.main([sys.executable, *sys.argv]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evolink_studio.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
