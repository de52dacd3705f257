"""Periodic work: reading the balance, and once a day the ledger audit and cleaning up."""

from datetime import UTC, datetime, time, timedelta

import structlog
from asgiref.sync import sync_to_async
from django.core.cache import cache

from evolink_studio.accounts.services import delete_expired
from evolink_studio.credits import services
from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.credits.models import BalanceError
from evolink_studio.evolink.errors import (
    AuthenticationError,
    EvoLinkError,
    RateLimitError,
    RequestRejected,
)
from evolink_studio.generations.pipeline.contradictions import check_decisions
from evolink_studio.generations.pipeline.downloading import filter_needed_files
from evolink_studio.generations.pipeline.provider import Provider
from evolink_studio.library.services import delete_orphans
from evolink_studio.worker.notifications import send_notification

log = structlog.get_logger(__name__)

DAILY_RUN_TIME = time(3, 20)  # UTC
DONE_CACHE_KEY = "daily:done"  # the cache is a table that all workers share
MAX_SHOWN_FINDINGS = 20


async def refresh_balance(provider: Provider, *, now: datetime) -> None:
    """Read and store the balance: one free call that also checks the key.

    Recent decisions about lost answers are held against it.
    """
    try:
        balance = await provider.client.get_balance()
    except AuthenticationError:
        await sync_to_async(services.record_key_rejected)(
            provider_key=provider.provider_key, now=now
        )
    except EvoLinkError as error:
        await sync_to_async(services.record_unreachable)(
            provider_key=provider.provider_key, error=_balance_error(error), now=now
        )
    else:
        await sync_to_async(services.record_balance)(
            provider_key=provider.provider_key,
            credits_available=balance.credits_available,
            # What this key used, where EvoLink says it: others may use the account, too.
            credits_used=balance.user_used if balance.token_used is None else balance.token_used,
            now=now,
        )
        await check_decisions(provider, now=now)


def _balance_error(error: EvoLinkError) -> BalanceError:
    if isinstance(error, RateLimitError):
        return BalanceError.RATE_LIMITED
    if isinstance(error, RequestRejected):
        return BalanceError.REQUEST_REJECTED
    return BalanceError.UNAVAILABLE


async def run_daily(*, now: datetime) -> bool:
    """Run the daily work if DAILY_RUN_TIME has passed since the last run. Returns whether it ran.

    It has its own threads and connections, so that nothing waits for it.
    """
    if not await sync_to_async(_is_due)(now):
        return False
    await _audit_and_clean(now)
    # Stored only now: an interrupted run is repeated. Without the cache entry it runs once more.
    await sync_to_async(cache.set)(DONE_CACHE_KEY, now, timeout=None)
    return True


def _is_due(now: datetime) -> bool:
    done_at = cache.get(DONE_CACHE_KEY)
    return done_at is None or done_at < _get_last_due_at(now)


def _get_last_due_at(now: datetime) -> datetime:
    """The newest DAILY_RUN_TIME that is not in the future."""
    due_today = datetime.combine(now.astimezone(UTC), DAILY_RUN_TIME, tzinfo=UTC)
    return due_today if due_today <= now else due_today - timedelta(days=1)


async def _audit_and_clean(now: datetime) -> None:
    """Delete what nobody needs, audit the ledger, and notify admins of its findings."""
    deleted_count = await sync_to_async(delete_orphans, thread_sensitive=False)(
        now=now, still_needed=filter_needed_files
    )
    await sync_to_async(delete_expired, thread_sensitive=False)(now=now)
    report = await sync_to_async(audit_ledger_with_generations, thread_sensitive=False)()
    log.info(
        "daily audit done",
        files_swept=deleted_count,
        entries=report.entry_count,
        findings=len(report.findings),
    )
    if report.is_clean:
        return
    lines = [str(finding) for finding in report.findings]
    log.error("ledger audit failed", findings=lines[:MAX_SHOWN_FINDINGS])
    await send_notification(
        f"EvoLink Studio: the book of credits does not add up ({len(lines)})",
        "\n".join([*lines[:MAX_SHOWN_FINDINGS], "", "See `manage.py check_ledger`."]),
        {"findings": lines[:MAX_SHOWN_FINDINGS]},
    )
