"""The change feed a page polls every two seconds: has anything changed, and which generations?"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Exists, FilteredRelation, Q, Subquery

from evolink_studio.accounts.models import User
from evolink_studio.core.prepared_query import PreparedQuery
from evolink_studio.credits.models import ProviderAccount
from evolink_studio.generations.models import ChangeFeed, Generation, Heartbeat, is_worker_alive
from evolink_studio.generations.queries import load_results
from evolink_studio.generations.states import LIVE_STATES

# At most so many changed generations per poll; no page shows more.
MAX_CHANGES = 100
# What keeps the poller running. Without `next_attempt_at` the worker no longer looks at a row: only
# a person can change it. Dismissed rows are not shown.
WATCHED_FILTER = Q(state__in=LIVE_STATES, next_attempt_at__isnull=False, dismissed_at__isnull=True)


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
class FeedState:
    """What a token is computed from: one person's feed, the balance, the worker."""

    version: int = 0
    credits_version: int = 0
    balance_read_at: datetime | None = None
    balance_tried_at: datetime | None = None
    worker_seen_at: datetime | None = None
    has_watched: bool = False

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
    return list_changes_since(user, provider_key, since=None)[0]


def list_changes_since(
    user: User, provider_key: str, *, since: int | None
) -> tuple[FeedState, list[Generation]]:
    """The feed state, and the generations changed after version `since`, oldest first.

    None of them for `since=None`; only the last MAX_CHANGES of more. One query, and one more when
    one is completed.
    """
    after_version = _NO_VERSION if since is None else since
    rows = _change_query().fetch(
        {_OWNER: user.pk, _PROVIDER_KEY: provider_key, _SINCE_VERSION: after_version}
    )
    if not rows:
        return FeedState(), []
    state_width = len(_STATE_COLUMNS)
    has_changes = rows[0][state_width] is not None
    return FeedState(*rows[0][:state_width]), _load_generations(
        [row[state_width:] for row in rows]
    ) if has_changes else []


def _load_generations(rows: list[tuple[object, ...]]) -> list[Generation]:
    generations = [Generation.from_db(DEFAULT_DB_ALIAS, _CARD_COLUMNS, row) for row in rows]
    generations.sort(key=lambda generation: (generation.created_at, generation.pk))
    return load_results(generations)


# Placeholders of the prepared query: values that occur nowhere else in it. A version below 0 would
# not do: Django knows that every version is greater, and leaves the comparison out.
_OWNER, _SINCE_VERSION, _PROVIDER_KEY = -1, 2**62, "?"
_NO_VERSION = 2**62 + 1
_STATE_COLUMNS = (
    *("version", "credits_version", "balance_read_at", "balance_tried_at"),
    *("worker_seen_at", "has_watched"),
)
# Columns that no card shows.
_HIDDEN_COLUMNS = {
    *("form_key", "fingerprint", "callback_token", "candidate_task_id", "candidate_confirmed"),
    *("last_reply", "result_urls", "lease_id", "search_text", "credits_held"),
}
_CARD_COLUMNS = [
    field.attname
    for field in Generation._meta.concrete_fields
    if field.attname not in _HIDDEN_COLUMNS
]


@cache
def _change_query() -> PreparedQuery:
    account = ProviderAccount.objects.filter(provider_key=_PROVIDER_KEY)
    rows = ChangeFeed.objects.filter(pk=_OWNER).annotate(
        changed=FilteredRelation(
            "owner__generations",
            condition=Q(owner__generations__changed_version__gt=_SINCE_VERSION),
        ),
        balance_read_at=Subquery(account.values("read_at")[:1]),
        balance_tried_at=Subquery(account.values("tried_at")[:1]),
        worker_seen_at=Subquery(Heartbeat.objects.order_by("-seen_at").values("seen_at")[:1]),
        has_watched=Exists(Generation.objects.filter(WATCHED_FILTER, owner_id=_OWNER)),
    )
    columns = [*_STATE_COLUMNS, *(f"changed__{name}" for name in _CARD_COLUMNS)]
    # This order uses the index on versions; by `created_at` a poll would read the whole library.
    return PreparedQuery(
        rows.order_by("-changed__changed_version").values_list(*columns)[:MAX_CHANGES]
    )
