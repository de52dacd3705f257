"""Periodic work: reading the balance, and once a day the proofs and cleaning up."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import structlog
from asgiref.sync import sync_to_async
from django.core.cache import cache

from evolink_studio.accounts.services import delete_expired
from evolink_studio.core.proof import Proof, ProofProgress
from evolink_studio.credits import services
from evolink_studio.credits.audit import LEDGER_PROOF
from evolink_studio.credits.models import BalanceError
from evolink_studio.evolink.errors import (
    AuthenticationError,
    EvoLinkError,
    RateLimitError,
    RequestRejected,
)
from evolink_studio.exports import services as exports
from evolink_studio.films.trash import empty_trash
from evolink_studio.generations.pipeline.contradictions import check_decisions
from evolink_studio.generations.pipeline.downloading import filter_needed_files
from evolink_studio.generations.pipeline.provider import Provider
from evolink_studio.generations.usage_rollup import ROLLUP_PROOF
from evolink_studio.library.remote_copies import delete_expired_copies
from evolink_studio.library.services import delete_orphans
from evolink_studio.notifications import services as notifications
from evolink_studio.worker.notifications import send_notification
from evolink_studio.worker.proofs import load_progress, run_proof, store_progress

log = structlog.get_logger(__name__)

DAILY_RUN_TIME = time(3, 20)  # UTC
DONE_CACHE_KEY = "daily:done"  # the cache is a table that all workers share
MAX_SHOWN_FINDINGS = 20
# What is proved once a day, in this order.
DAILY_PROOFS: tuple[Proof, ...] = (LEDGER_PROOF, ROLLUP_PROOF)


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


async def run_daily(*, now: datetime, is_stopping: Callable[[], bool] = lambda: False) -> bool:
    """Run the daily work if DAILY_RUN_TIME has passed since the last run. Returns whether it ran.

    It has its own threads and connections, and works in short slices, so that nothing waits for it.
    When the process ends meanwhile, the next run goes on with the proof that was being made.
    """
    if not await sync_to_async(_is_due)(now):
        return False
    due_at = _get_last_due_at(now)
    await _delete_what_nobody_needs(now, is_stopping)
    for proof in DAILY_PROOFS:
        progress = await sync_to_async(load_progress)(proof, due_at)
        if progress.is_done:
            continue
        await run_proof(proof, progress, due_at=due_at, is_stopping=is_stopping)
        if not progress.is_done:
            return False
        await _report(proof, progress)
        await sync_to_async(store_progress)(proof, due_at, progress)
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


async def _delete_what_nobody_needs(now: datetime, is_stopping: Callable[[], bool]) -> None:
    emptying = await sync_to_async(empty_trash, thread_sensitive=False)(
        now=now, is_stopping=is_stopping
    )
    deleted_count = await sync_to_async(delete_orphans, thread_sensitive=False)(
        now=now, still_needed=filter_needed_files
    )
    await sync_to_async(delete_expired, thread_sensitive=False)(now=now)
    await sync_to_async(delete_expired_copies, thread_sensitive=False)(now=now)
    await sync_to_async(exports.delete_expired, thread_sensitive=False)(now=now)
    await sync_to_async(notifications.delete_expired, thread_sensitive=False)(now=now)
    log.info(
        "daily cleaning done",
        files_swept=deleted_count,
        films_emptied=emptying.count,
        films_needed=emptying.kept_count,
    )


async def _report(proof: Proof, progress: ProofProgress) -> None:
    """Log how a proof ended, and notify admins of its findings."""
    count = progress.finding_count
    log.info("daily proof done", proof=proof.name, findings=count, **progress.counts)
    if not count:
        return
    lines = progress.findings[:MAX_SHOWN_FINDINGS]
    log.error("daily proof failed", proof=proof.name, findings=lines)
    await send_notification(
        f"EvoLink Studio: {proof.failure} ({count})",
        "\n".join([*lines, "", f"See `{proof.command}`."]),
        {"findings": lines},
    )
