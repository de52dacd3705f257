"""The studio's own worker, with a wanted interval between two reads of one task."""

import argparse

import django
from django.core.management import call_command


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--interval", type=int, required=True, help="seconds")
    interval = parser.parse_args().interval
    django.setup()
    from evolink_studio.generations.pipeline import schedule

    schedule.SANDBOX_POLL_INTERVAL_SECONDS = (
        interval  # a provider on this machine is read at this interval
    )
    call_command("worker")


if __name__ == "__main__":
    main()
