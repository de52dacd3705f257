"""For films that are here while the library cannot take them."""

from datetime import timedelta

from django.db import OperationalError

from evolink_studio.library.models import Asset
from tests.provider_replies import Reply, make_error_reply


def run_for_days(worker, generation, days: float) -> None:
    """The worker tries whenever it is due."""
    end = worker.clock() + timedelta(days=days)
    while worker.clock() < end:
        worker.download_due()
        worker.clock.advance(hours=6)


def expire_links(fake_provider, generation, *paths: str) -> None:
    """The link ends, and EvoLink has no other one."""
    for path in paths or ("/film.mp4",):
        fake_provider.files[path] = Reply(404)
    fake_provider.read.reply_always(make_error_reply(404, "task_not_found"))


def break_asset_creation(monkeypatch) -> None:
    def fail(**_fields):
        raise OperationalError("database is locked")

    monkeypatch.setattr(Asset.objects, "create", fail)
