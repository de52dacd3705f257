"""A press defers a job in its own transaction: both are stored, or neither."""

from evolink_studio.engine.tasks import send
from evolink_studio.generations.signals import queued


def listen() -> None:
    """From now on. Only where jobs are run: a worker on SQLite looks by itself."""
    queued.connect(_defer, dispatch_uid="send")


def _defer(**about: object) -> None:
    send.defer()
