"""The change feed a page polls: has anything changed, which generations, and what is watched?"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.contrib.sessions.models import Session
from django.db import DEFAULT_DB_ALIAS
from django.db.models import FilteredRelation, Q, QuerySet, Subquery

from evolink_studio.accounts.models import User
from evolink_studio.accounts.sessions import hash_session_key, is_session_of
from evolink_studio.core.prepared_query import PreparedQuery
from evolink_studio.credits.models import ProviderAccount
from evolink_studio.generations.models import ChangeFeed, Generation, Heartbeat, is_worker_alive
from evolink_studio.generations.queries import HIDDEN_COLUMNS, load_results
from evolink_studio.generations.states import LIVE_STATES

# At most so many changed generations per poll; no page shows more.
MAX_CHANGES = 100
# Of a person who watches more, those that are due first say when to ask again.
MAX_WATCHED = 50


@dataclass(frozen=True)
class FeedToken:
    """The state a page was rendered from; it sends it back with each poll.

    `version` counts the changes of one person's generations, `credits_version` those that may have
    changed credits; `header_state` encodes the age of the balance and whether the worker is away.
    """

    version: int
    credits_version: int
    header_state: str

    def __str__(self) -> str:
        return f"{self.version}.{self.credits_version}.{self.header_state}"


EMPTY_TOKEN = FeedToken(0, -1, "")


def parse_token(text: str) -> FeedToken:
    """The token that a page sent; EMPTY_TOKEN for anything else."""
    version, _, remainder = text.partition(".")
    credits_version, _, header_state = remainder.partition(".")
    if not all(number.isdecimal() and len(number) < 19 for number in (version, credits_version)):
        return EMPTY_TOKEN
    return FeedToken(int(version), int(credits_version), header_state)


@dataclass(frozen=True)
class WatchedTask:
    """What the worker works on for a page. While it is leased, a worker is at it."""

    state: str
    next_attempt_at: datetime
    is_leased: bool
    started_at: datetime
    expected_seconds: int


@dataclass(frozen=True)
class FeedState:
    """What a token is computed from: one person's feed, the balance, the worker.

    `watched` keeps the page polling; those that are due first come first.
    """

    version: int = 0
    credits_version: int = 0
    balance_read_at: datetime | None = None
    balance_tried_at: datetime | None = None
    worker_seen_at: datetime | None = None
    watched: tuple[WatchedTask, ...] = ()

    def get_token(self, now: datetime) -> FeedToken:
        """A token that changes exactly when the page would look different."""
        read_seconds = int(self.balance_read_at.timestamp()) if self.balance_read_at else 0
        is_balance_stale = self.balance_tried_at != self.balance_read_at
        return FeedToken(
            self.version,
            self.credits_version,
            f"{read_seconds}.{int(is_balance_stale)}{int(self.is_worker_away(now))}",
        )

    def is_worker_away(self, now: datetime) -> bool:
        return not is_worker_alive(self.worker_seen_at, now)


def get_feed_state(user: User, provider_key: str) -> FeedState:
    """The current state. One query."""
    rows = _state_query().fetch({_OWNER: user.pk, _PROVIDER_KEY: provider_key})
    return _build_state(rows) if rows else FeedState()


def get_signed_in_feed_state(
    *, owner_id: int, session_key: str, provider_key: str, now: datetime
) -> tuple[User, FeedState] | None:
    """The person `owner_id` and the state, if this session is theirs and lets them in as it is.

    The user has only the fields of `_USER_COLUMNS`; others are deferred. None for any other
    session: what is to be done about it is not decided here. One query.
    """
    values = {
        _OWNER: owner_id,
        _PROVIDER_KEY: provider_key,
        _SESSION_KEY: hash_session_key(session_key),
        _SESSION_END: now,
    }
    rows = _signed_in_state_query().fetch(values)
    if not rows:
        return None
    session_data, *user_values = rows[0][len(_STATE_COLUMNS) :]
    user = User.from_db(DEFAULT_DB_ALIAS, _USER_COLUMNS, user_values)
    if session_data is None or not is_session_of(session_data, user):
        return None
    return user, _build_state(rows)


def _build_state(rows: Sequence[tuple[Any, ...]]) -> FeedState:
    """From one row for each watched generation, or one without any."""
    version, credits_version, read_at, tried_at, seen_at = rows[0][: len(_FEED_COLUMNS)]
    watched_values = (row[len(_FEED_COLUMNS) : len(_STATE_COLUMNS)] for row in rows)
    watched = tuple(_build_task(*values) for values in watched_values if values[0] is not None)
    return FeedState(version, credits_version, read_at, tried_at, seen_at, watched)


def _build_task(
    state: str,
    next_attempt_at: datetime,
    lease_id: uuid.UUID | None,
    accepted_at: datetime | None,
    created_at: datetime,
    expected_seconds: int,
) -> WatchedTask:
    started_at = accepted_at or created_at
    return WatchedTask(state, next_attempt_at, lease_id is not None, started_at, expected_seconds)


def list_changes_since(user: User, feed: FeedState, since: int) -> list[Generation]:
    """The generations that changed after version `since` up to that of `feed`, oldest first.

    Only the last MAX_CHANGES of more. No query without a change, else one, and one more when one is
    completed.
    """
    if feed.version <= since:
        return []
    rows = _change_query().fetch(
        {_OWNER: user.pk, _SINCE_VERSION: since, _FEED_VERSION: feed.version}
    )
    generations = [Generation.from_db(DEFAULT_DB_ALIAS, _CARD_COLUMNS, row) for row in rows]
    generations.sort(key=lambda generation: (generation.created_at, generation.pk))
    return load_results(generations)


# Placeholders of the prepared queries: values that occur nowhere else in them. A version below 0
# would not do: Django knows that every version is greater, and leaves the comparison out.
_OWNER, _SINCE_VERSION, _FEED_VERSION = -1, 2**62, 2**62 + 1
_PROVIDER_KEY, _SESSION_KEY = "?", "?session"
_SESSION_END = datetime(1970, 1, 1, tzinfo=UTC)
_FEED_COLUMNS = (
    *("version", "credits_version", "balance_read_at", "balance_tried_at", "worker_seen_at"),
)
# Without `next_attempt_at` the worker no longer looks at a row: only a person can change it.
# Dismissed rows are not shown.
_WATCHED_FILTER: Mapping[str, object] = {
    "state__in": sorted(state.value for state in LIVE_STATES),
    "next_attempt_at__isnull": False,
    "dismissed_at__isnull": True,
}
_WATCHED_COLUMNS = (
    *("watched__state", "watched__next_attempt_at", "watched__lease_id"),
    *("watched__accepted_at", "watched__created_at", "watched__expected_seconds"),
)
_STATE_COLUMNS = (*_FEED_COLUMNS, *_WATCHED_COLUMNS)
# What decides about a session, and what a page is rendered by.
_USED_USER_COLUMNS = {"id", "password", "security_stamp", "is_active", "language"}
_USER_COLUMNS = [
    field.attname for field in User._meta.concrete_fields if field.attname in _USED_USER_COLUMNS
]
_CARD_COLUMNS = [
    field.attname
    for field in Generation._meta.concrete_fields
    if field.attname not in HIDDEN_COLUMNS
]


def _select_states() -> "QuerySet[ChangeFeed, Any]":
    account = ProviderAccount.objects.filter(provider_key=_PROVIDER_KEY)
    watched_filter = {f"owner__generations__{name}": v for name, v in _WATCHED_FILTER.items()}
    return (
        ChangeFeed.objects.filter(pk=_OWNER)
        .annotate(
            watched=FilteredRelation("owner__generations", condition=Q(**watched_filter)),
            balance_read_at=Subquery(account.values("read_at")[:1]),
            balance_tried_at=Subquery(account.values("tried_at")[:1]),
            worker_seen_at=Subquery(Heartbeat.objects.order_by("-seen_at").values("seen_at")[:1]),
        )
        .order_by("watched__next_attempt_at")
    )


@cache
def _state_query() -> PreparedQuery:
    return PreparedQuery(_select_states().values_list(*_STATE_COLUMNS)[:MAX_WATCHED])


@cache
def _signed_in_state_query() -> PreparedQuery:
    session = Session.objects.filter(session_key=_SESSION_KEY, expire_date__gt=_SESSION_END)
    rows = _select_states().annotate(session_data=Subquery(session.values("session_data")[:1]))
    columns = ("session_data", *(f"owner__{name}" for name in _USER_COLUMNS))
    return PreparedQuery(rows.values_list(*_STATE_COLUMNS, *columns)[:MAX_WATCHED])


@cache
def _change_query() -> PreparedQuery:
    rows = Generation.objects.filter(
        owner_id=_OWNER, changed_version__gt=_SINCE_VERSION, changed_version__lte=_FEED_VERSION
    )
    # This order uses the index on versions; by `created_at` a poll would read the whole library.
    return PreparedQuery(
        rows.order_by("-changed_version").values_list(*_CARD_COLUMNS)[:MAX_CHANGES]
    )
