"""All writes about how people are told: their settings, and the outbox that the worker empties."""

import base64
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.db import transaction
from django.db.models import Max

from evolink_studio.accounts.models import User
from evolink_studio.core.calendar import get_zone
from evolink_studio.generations.states import State
from evolink_studio.notifications.models import Notification, NotificationSettings
from evolink_studio.sharing.models import Comment, Share

Channel = Notification.Channel
Kind = Notification.Kind

SECRET_PREFIX = "whsec_"  # noqa: S105  # how Standard Webhooks writes a secret
SECRET_BYTES = 24
# Films of one press end close to each other: one mail tells of all of them.
MAIL_DELAY = timedelta(minutes=1)
MAIL_INTERVAL = timedelta(minutes=10)
LEASE_DURATION = timedelta(minutes=2)
# The gaps between attempts; after the last one it is given up, a day after the first.
RETRY_GAPS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 480, 800))
KEPT_FOR = timedelta(days=7)
MAX_IN_ONE_MAIL = 50
_KIND_BY_STATE = {State.COMPLETED: Kind.FINISHED, State.FAILED: Kind.FAILED}


def create_webhook_secret() -> str:
    """A random secret as Standard Webhooks writes it: whsec_ and base64."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def set_notifications(
    *,
    owner: User,
    in_browser: bool,
    with_sound: bool,
    by_mail: bool,
    webhook_url: str,
    quiet_from: time | None,
    quiet_until: time | None,
    time_zone: str,
) -> NotificationSettings:
    """Store how a person wants to be told. The first webhook address gets a secret."""
    with transaction.atomic():
        row, _is_new = NotificationSettings.objects.select_for_update().get_or_create(pk=owner.pk)
        if webhook_url != row.webhook_url:
            row.webhook_failure = ""
        row.in_browser, row.with_sound, row.by_mail = in_browser, with_sound, by_mail
        row.webhook_url = webhook_url
        row.webhook_secret = row.webhook_secret or create_webhook_secret()
        row.quiet_from, row.quiet_until, row.time_zone = quiet_from, quiet_until, time_zone
        row.save()
    return row


def renew_webhook_secret(*, owner: User) -> None:
    """Give the person's webhook another secret; the old one is worth nothing any more."""
    NotificationSettings.objects.filter(pk=owner.pk).update(webhook_secret=create_webhook_secret())


def record_end(
    *, generation_id: int, owner_id: int, state: State, now: datetime, **_signal: object
) -> None:
    """Note what is to be told of a generation that ended. One query for who wants nothing."""
    record_event(owner_id=owner_id, kind=_KIND_BY_STATE[state], subject_id=generation_id, now=now)


def record_answer(*, share: Share, comment: Comment, **_signal: object) -> None:
    """Note that a guest answered. One query for who wants nothing."""
    record_event(
        owner_id=share.owner_id, kind=Kind.ANSWERED, subject_id=share.pk, now=comment.created_at
    )


def record_event(*, owner_id: int, kind: Kind, subject_id: int, now: datetime) -> None:
    """Note something to be told, on each channel that the person chose."""
    row = NotificationSettings.objects.filter(pk=owner_id).select_related("owner").first()
    if row is None:
        return
    due_times = {}
    if row.by_mail and row.owner.email:
        due_times[Channel.MAIL] = _find_mail_time(owner_id, now)
    if row.webhook_url:
        due_times[Channel.WEBHOOK] = now
    Notification.objects.bulk_create(
        Notification(
            owner_id=owner_id,
            channel=channel,
            kind=kind,
            subject_id=subject_id,
            created_at=now,
            next_attempt_at=find_end_of_quiet(row, due_at),
        )
        for channel, due_at in due_times.items()
    )


def _find_mail_time(owner_id: int, now: datetime) -> datetime:
    """So that a mail tells of several, and the next comes MAIL_INTERVAL after the last."""
    mails = Notification.objects.filter(owner_id=owner_id, channel=Channel.MAIL)
    last_mail_at = mails.aggregate(at=Max("delivered_at"))["at"]
    earliest = now + MAIL_DELAY
    return max(earliest, last_mail_at + MAIL_INTERVAL) if last_mail_at else earliest


def find_end_of_quiet(row: NotificationSettings, moment: datetime) -> datetime:
    """The moment itself, or the end of the quiet hours in which it lies."""
    start, end = row.quiet_from, row.quiet_until
    if start is None or end is None or start == end:
        return moment
    local = moment.astimezone(get_zone(row.time_zone))
    clock = local.time()
    is_over_midnight = start > end
    is_quiet = (clock >= start or clock < end) if is_over_midnight else start <= clock < end
    if not is_quiet:
        return moment
    day = local.date() + timedelta(days=is_over_midnight and clock >= start)
    return datetime.combine(day, end, tzinfo=local.tzinfo).astimezone(moment.tzinfo)


@dataclass(frozen=True)
class LeasedNotifications:
    """What is told in one go: one webhook, or all that waits for one mail to one person."""

    settings: NotificationSettings
    notifications: Sequence[Notification]
    lease_id: uuid.UUID

    @property
    def channel(self) -> str:
        return self.notifications[0].channel


def lease_next(*, now: datetime) -> LeasedNotifications | None:
    """What waits longest, leased. One query while nothing is due.

    What the person no longer wants is dropped. None also when there may be more.
    """
    due_rows = Notification.objects.filter(next_attempt_at__lte=now)
    first = due_rows.order_by("next_attempt_at").first()
    if first is None:
        return None
    row = NotificationSettings.objects.filter(pk=first.owner_id).select_related("owner").first()
    is_wanted = row is not None and (
        bool(row.webhook_url) if first.channel == Channel.WEBHOOK else row.by_mail
    )
    if row is None or not is_wanted or not row.owner.is_active:
        due_rows.filter(owner_id=first.owner_id, channel=first.channel).delete()
        return None
    ids = [first.pk]
    if first.channel == Channel.MAIL:
        waiting = Notification.objects.filter(
            owner_id=first.owner_id, channel=Channel.MAIL, next_attempt_at__isnull=False
        )
        ids = list(waiting.order_by("pk").values_list("pk", flat=True)[:MAX_IN_ONE_MAIL])
    lease_id = uuid.uuid4()
    # Another worker may have been first: then they are due no more, or hold its lease.
    free_rows = Notification.objects.filter(pk__in=ids, lease_id=first.lease_id)
    if not free_rows.update(lease_id=lease_id, next_attempt_at=now + LEASE_DURATION):
        return None
    leased_rows = Notification.objects.filter(lease_id=lease_id, pk__in=ids).order_by("pk")
    return LeasedNotifications(row, list(leased_rows), lease_id)


def finish(leased: LeasedNotifications, *, now: datetime) -> None:
    """They were told."""
    _update_leased(leased, delivered_at=now, next_attempt_at=None, lease_id=None, failure="")
    if leased.channel == Channel.WEBHOOK and leased.settings.webhook_failure:
        _record_webhook_failure(leased, "")


def retry_later(leased: LeasedNotifications, *, failure: str, now: datetime) -> None:
    """Try again after a growing gap, or give up after the last. The person sees why on the page."""
    attempts = max(row.attempts for row in leased.notifications) + 1
    gap = RETRY_GAPS[attempts - 1] if attempts <= len(RETRY_GAPS) else None
    _update_leased(
        leased,
        attempts=attempts,
        failure=failure[:200],
        next_attempt_at=now + gap if gap else None,
        lease_id=None,
    )
    if leased.channel == Channel.WEBHOOK:
        _record_webhook_failure(leased, failure[:200])


def _update_leased(leased: LeasedNotifications, **changes: object) -> None:
    ids = [row.pk for row in leased.notifications]
    Notification.objects.filter(pk__in=ids, lease_id=leased.lease_id).update(**changes)


def _record_webhook_failure(leased: LeasedNotifications, failure: str) -> None:
    rows = NotificationSettings.objects.filter(
        pk=leased.settings.pk, webhook_url=leased.settings.webhook_url
    )
    rows.update(webhook_failure=failure)


def delete_expired(*, now: datetime) -> int:
    """Delete what was told or given up long ago. Returns how many rows."""
    old_rows = Notification.objects.filter(created_at__lt=now - KEPT_FOR)
    return old_rows.filter(next_attempt_at=None).delete()[0]
