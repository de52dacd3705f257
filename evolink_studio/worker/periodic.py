"""What is done once a day: the book of credits is proved, forgotten files are swept away."""

from datetime import UTC, datetime, time, timedelta

import structlog
from asgiref.sync import sync_to_async
from django.core.cache import cache

from evolink_studio.credits import services
from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.evolink.errors import AuthenticationError, EvoLinkError
from evolink_studio.generations.pipeline.downloading import still_needed
from evolink_studio.generations.pipeline.provider import Provider
from evolink_studio.library.services import delete_orphans as sweep_files
from evolink_studio.worker.notifications import deliver


async def read_balance(far: Provider, *, now: datetime) -> None:
    """One free call, which also tells whether the key is accepted."""
    try:
        balance = await far.client.get_balance()
    except AuthenticationError:
        await sync_to_async(services.record_key_rejected)(provider_key=far.provider_key, now=now)
    except EvoLinkError as error:
        problem = type(error).__name__
        await sync_to_async(services.record_unreachable)(
            provider_key=far.provider_key, error_name=problem, now=now
        )
    else:
        await sync_to_async(services.record_balance)(
            provider_key=far.provider_key, credits_available=balance.credits_available, now=now
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
    swept = await sync_to_async(sweep_files, thread_sensitive=False)(
        now=now, still_needed=still_needed
    )
    report = await sync_to_async(audit_ledger_with_generations, thread_sensitive=False)()
    log.info("daily", files_swept=swept, entries=report.entry_count, findings=len(report.findings))
    if report.is_clean:
        return
    lines = [str(finding) for finding in report.findings]
    log.error("the book does not add up", findings=lines[:SHOWN])
    await deliver(
        f"EvoLink Studio: the book of credits does not add up ({len(lines)})",
        "\n".join([*lines[:SHOWN], "", "See `manage.py check_ledger`."]),
        {"findings": lines[:SHOWN]},
    )
