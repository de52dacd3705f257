"""What is done once a day: the book of credits is proved, forgotten files are swept away."""

from datetime import UTC, datetime, time, timedelta

import structlog
from asgiref.sync import sync_to_async
from django.core.cache import cache

from evolink_studio.credits import services
from evolink_studio.credits.audit import check_with_truth
from evolink_studio.evolink.errors import EvoLinkError, KeyRefused
from evolink_studio.generations.pipeline.downloading import needed
from evolink_studio.generations.pipeline.provider import Far
from evolink_studio.library.services import sweep as sweep_files
from evolink_studio.worker.notifications import deliver


async def read_balance(far: Far, *, now: datetime) -> None:
    """One free call, which also tells whether the key is accepted."""
    try:
        balance = await far.client.balance()
    except KeyRefused:
        await sync_to_async(services.record_key_refused)(far_end=far.name, now=now)
    except EvoLinkError as error:
        problem = type(error).__name__
        await sync_to_async(services.record_unreachable)(far_end=far.name, problem=problem, now=now)
    else:
        await sync_to_async(services.record_balance)(
            far_end=far.name, spendable=balance.spendable, now=now
        )


log = structlog.get_logger(__name__)
HOUR = time(3, 20)  # UTC: a quiet one
DONE = "daily:done"  # in the cache's table, which all workers share and which outlives them
SHOWN = 20


async def daily(*, now: datetime) -> bool:
    """Do it if the hour has come since it was last done, even if no worker was there at that hour.

    Returns whether it was done. Nobody waits for it: it has a thread and a connection of its own.
    """
    if not await sync_to_async(_is_due)(now):
        return False
    await _prove(now)
    # A proof that broke off is begun again; one that the cache forgot is merely made once more.
    await sync_to_async(cache.set)(DONE, now, timeout=None)
    return True


def _is_due(now: datetime) -> bool:
    done = cache.get(DONE)
    return done is None or done < _last_hour(now)


def _last_hour(now: datetime) -> datetime:
    """The newest moment of the daily hour that is not ahead of us."""
    today = datetime.combine(now.astimezone(UTC), HOUR, tzinfo=UTC)
    return today if today <= now else today - timedelta(days=1)


async def _prove(now: datetime) -> None:
    """Prove the book and tell admins of every credit that is not explained; sweep the library."""
    swept = await sync_to_async(sweep_files, thread_sensitive=False)(now=now, needed=needed)
    report = await sync_to_async(check_with_truth, thread_sensitive=False)()
    log.info("daily", files_swept=swept, entries=report.entries, findings=len(report.findings))
    if report.clean:
        return
    lines = [str(finding) for finding in report.findings]
    log.error("the book does not add up", findings=lines[:SHOWN])
    await deliver(
        f"EvoLink Studio: the book of credits does not add up ({len(lines)})",
        "\n".join([*lines[:SHOWN], "", "See `manage.py check_ledger`."]),
        {"findings": lines[:SHOWN]},
    )
