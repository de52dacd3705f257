"""What a page asks every two seconds: is anything new, and which generations changed?"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Exists, FilteredRelation, Q, Subquery

from evolink_studio.accounts.models import User
from evolink_studio.core.prepared_query import Prepared
from evolink_studio.credits.models import FarAccount
from evolink_studio.generations.models import WORKER_SILENT, Feed, Generation, Heartbeat
from evolink_studio.generations.queries import with_films
from evolink_studio.generations.states import LIVE

# No page shows more of them.
MOST = 100
# A lost answer that the worker no longer looks for has no `due`: it only changes by a person, and
# nothing is gained by asking for it every two seconds. What was put away nobody waits for.
WATCHED = Q(state__in=LIVE, due__isnull=False, put_away__isnull=True)


@dataclass(frozen=True)
class Token:
    """What a page was drawn from, as the word with which it asks for more.

    `version` counts the changes of one person's generations, `money` those that may have touched
    credits; `around` stands for the balance, the far end and the worker.
    """

    version: int
    money: int
    around: str

    def __str__(self) -> str:
        return f"{self.version}.{self.money}.{self.around}"


NOTHING = Token(0, -1, "")


def token_of(text: str) -> Token:
    """The token that a page brought back; NOTHING for anything else."""
    version, _, rest = text.partition(".")
    money, _, around = rest.partition(".")
    if not all(number.isdecimal() and len(number) < 19 for number in (version, money)):
        return NOTHING
    return Token(int(version), int(money), around)


@dataclass(frozen=True)
class Pulse:
    """What a page is compared with: one person's feed, the balance, the worker."""

    version: int = 0
    money: int = 0
    balance_read: datetime | None = None
    balance_tried: datetime | None = None
    worker_seen: datetime | None = None
    watched: bool = False

    def token(self, now: datetime) -> Token:
        """Differs exactly when the page would look different."""
        read = int(self.balance_read.timestamp()) if self.balance_read else 0
        down = self.balance_tried != self.balance_read
        return Token(self.version, self.money, f"{read}.{int(down)}{int(self.worker_away(now))}")

    def worker_away(self, now: datetime) -> bool:
        return self.worker_seen is None or now - self.worker_seen > WORKER_SILENT


def pulse(user: User, far_end: str) -> Pulse:
    """One query."""
    return news(user, far_end, since=None)[0]


def news(user: User, far_end: str, *, since: int | None) -> tuple[Pulse, list[Generation]]:
    """The pulse, and what changed after this version, the oldest first. None changed since None.

    Of very many only those that changed last. One query, and one more when a film was finished.
    """
    after = _NEVER if since is None else since
    found = _question().fetch({_OWNER: user.pk, _FAR_END: far_end, _SINCE: after})
    if not found:
        return Pulse(), []
    count = len(_PULSE)
    some = found[0][count] is not None
    return Pulse(*found[0][:count]), _changed([row[count:] for row in found]) if some else []


def _changed(rows: list[tuple[object, ...]]) -> list[Generation]:
    changed = [Generation.from_db(DEFAULT_DB_ALIAS, _COLUMNS, row) for row in rows]
    changed.sort(key=lambda generation: (generation.created, generation.pk))
    return with_films(changed)


# Marks in the prepared query: nothing else in it has these values. A version below 0 would not do:
# Django knows that every version is greater, and leaves the comparison out.
_OWNER, _SINCE, _FAR_END = -1, 2**62, "?"
_NEVER = 2**62 + 1
_PULSE = ("version", "money", "read", "tried", "seen", "watched")
# What no card shows.
_UNSEEN = {
    *("form_key", "fingerprint", "callback_token", "candidate", "vouched"),
    *("last_reply", "result_urls", "claim"),
}
_COLUMNS = [
    field.attname for field in Generation._meta.concrete_fields if field.attname not in _UNSEEN
]


@cache
def _question() -> Prepared:
    account = FarAccount.objects.filter(far_end=_FAR_END)
    rows = Feed.objects.filter(pk=_OWNER).annotate(
        changed=FilteredRelation(
            "owner__generations", condition=Q(owner__generations__version__gt=_SINCE)
        ),
        read=Subquery(account.values("read")[:1]),
        tried=Subquery(account.values("tried")[:1]),
        seen=Subquery(Heartbeat.objects.order_by("-seen").values("seen")[:1]),
        watched=Exists(Generation.objects.filter(WATCHED, owner_id=_OWNER)),
    )
    columns = [*_PULSE, *(f"changed__{name}" for name in _COLUMNS)]
    # In this order the index over versions is used; over `created`, a poll walks the whole library.
    return Prepared(rows.order_by("-changed__version").values_list(*columns)[:MOST])
