"""Rows that a studio has after some time of work, quickly: enough for the database to plan with."""

import itertools
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from evolink_studio.accounts.models import SecurityEvent, SecurityEventKind, SignInLink, User
from evolink_studio.credits.models import (
    Allowance,
    AllowanceBalance,
    BalanceReading,
    LedgerEntry,
    Reservation,
)
from evolink_studio.films.models import Cut
from evolink_studio.generations.models import (
    Alert,
    CallbackDelivery,
    Decision,
    Draft,
    GeneratedVideo,
    Generation,
)
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset
from evolink_studio.sharing.models import Comment, Share, SharedFilm
from tests.factories import GenerationFactory

STATES = (State.COMPLETED, State.COMPLETED, State.COMPLETED, State.FAILED, State.CANCELLED)
_numbers = itertools.count(1_000_000)


def fill_history(owner: User, count: int, *, until: datetime) -> None:
    """`count` ended generations of a person, an hour apart, with all that belongs to them.

    At the end call `analyze`.
    """
    moments = [until - timedelta(hours=number) for number in range(count, 0, -1)]
    rows = Generation.objects.bulk_create(
        GenerationFactory.build(owner=owner, state=state, created_at=moment)
        for moment, state in zip(moments, itertools.cycle(STATES), strict=False)
    )
    completed_rows = [row for row in rows if row.state == State.COMPLETED]
    _add_films(completed_rows)
    _add_callbacks(rows)
    _add_alerts(rows)
    _add_ledger(owner, rows)
    _add_events(owner, moments)
    decisions = (
        Decision(generation=row, kind=Decision.Kind.LINK, decided_at=row.created_at)
        for row in completed_rows
    )
    Decision.objects.bulk_create(decisions)
    _add_shares(owner, completed_rows)
    _add_cuts(owner, completed_rows)


def _add_shares(owner: User, rows: list[Generation]) -> None:
    """A link to each film, and an answer to it."""
    shares = Share.objects.bulk_create(
        Share(
            owner=owner,
            token_hash=f"{next(_numbers):064}",
            created_at=row.created_at,
            expires_at=row.created_at + timedelta(days=7),
            answered_at=row.created_at,
        )
        for row in rows
    )
    SharedFilm.objects.bulk_create(
        SharedFilm(share=share, generation=row, position=1)
        for share, row in zip(shares, rows, strict=True)
    )
    Comment.objects.bulk_create(
        Comment(
            share=share,
            generation=row,
            guest_name="Grace",
            text="Brighter",
            created_at=row.created_at,
        )
        for share, row in zip(shares, rows, strict=True)
    )


def _add_cuts(owner: User, rows: list[Generation]) -> None:
    Cut.objects.bulk_create(
        Cut(owner=owner, title="Trailer", state="ready", created_at=row.created_at) for row in rows
    )


def analyze() -> None:
    """Let PostgreSQL see how many rows there are. The studio never asks SQLite to."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def _add_films(rows: list[Generation]) -> None:
    assets = Asset.objects.bulk_create(
        Asset(
            owner=row.owner,
            kind=Asset.Kind.VIDEO,
            origin=Asset.Origin.RESULT,
            name=f"{row.model_id}-{row.pk}-1.mp4",
            file=f"{row.pk}.mp4",
            poster=f"{row.pk}.webp",
            format="mp4",
            mime="video/mp4",
            size_bytes=2_000_000,
            sha256=f"{next(_numbers):064x}",
            width=1280,
            height=720,
            seconds=Decimal(5),
            created_at=row.created_at,
        )
        for row in rows
    )
    GeneratedVideo.objects.bulk_create(
        GeneratedVideo(generation=row, asset=asset, position=0)
        for row, asset in zip(rows, assets, strict=True)
    )


def _add_callbacks(rows: list[Generation]) -> None:
    CallbackDelivery.objects.bulk_create(
        CallbackDelivery(
            generation=row,
            received_at=row.created_at,
            size_bytes=700,
            reported_status=row.state,
            reported_task_id=row.task_id or "",
        )
        for row in rows
    )


def _add_alerts(rows: list[Generation]) -> None:
    Alert.objects.bulk_create(
        Alert(generation=row, incident_type="unreturned", announced_at=row.created_at)
        for row in rows
    )


def _add_ledger(owner: User, rows: list[Generation]) -> None:
    allowance = Allowance.objects.get(user=None, group=None, is_shared=False)
    day = rows[-1].created_at.date()
    *_, balance = AllowanceBalance.objects.bulk_create(
        AllowanceBalance(
            allowance=allowance,
            user=owner,
            period=allowance.period,
            period_start=day - timedelta(days=31 * number),
        )
        for number in range(1, len(rows) // 10 + 2)
    )
    Reservation.objects.bulk_create(
        Reservation(
            generation_id=row.pk, balance=balance, credits=1, state=Reservation.State.SETTLED
        )
        for row in rows
    )
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            generation_id=row.pk,
            balance=balance,
            kind=LedgerEntry.Kind.SETTLE,
            credits_charged_delta=1,
            credits_used_after=number,
            created_at=row.created_at,
        )
        for number, row in enumerate(rows)
    )


def _add_events(owner: User, moments: list[datetime]) -> None:
    SecurityEvent.objects.bulk_create(
        SecurityEvent(created_at=moment, kind=SecurityEventKind.SIGNED_IN, user=owner)
        for moment in moments
    )
    BalanceReading.objects.bulk_create(
        BalanceReading(provider_key="there#1", read_at=moment, credits_available=number)
        for number, moment in enumerate(moments)
    )
    SignInLink.objects.bulk_create(
        SignInLink(
            user=owner,
            token_hash=f"{next(_numbers):064x}",
            created_at=moment,
            expires_at=moment,
        )
        for moment in moments
    )
    content_type = ContentType.objects.get_for_model(Generation)
    LogEntry.objects.bulk_create(
        LogEntry(
            user=owner,
            content_type=content_type,
            object_id=str(number),
            action_flag=CHANGE,
            action_time=moment,
        )
        for number, moment in enumerate(moments)
    )
    Draft.objects.bulk_create(
        Draft(owner=owner, model_id=f"model-{number}", values={}, saved_at=moment)
        for number, moment in enumerate(moments[:40])
    )
