"""The process that the worker starts for one cut. It has no database, no secrets, no settings."""

import sys

from django.conf import settings


def main() -> int:
    """The exit status: 0 once the cut is written."""
    settings.configure(USE_I18N=False)  # the library asks; it shows nobody a sentence here
    from evolink_studio.films.cut_rendering import run

    return run()


if __name__ == "__main__":
    sys.exit(main())
