"""Reads for the pages. Each docstring says how many queries it makes."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from django.db import DEFAULT_DB_ALIAS
from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    F,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
    Window,
    prefetch_related_objects,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, RowNumber
from django.http import Http404

from evolink_studio.accounts.models import User
from evolink_studio.catalog import CUT_MODEL_ID, SPECS
from evolink_studio.core.prepared_query import PreparedObjects, PreparedQuery
from evolink_studio.credits.fields import ZERO_CREDITS, CreditsField
from evolink_studio.credits.models import ProviderAccount
from evolink_studio.generations.models import (
    MAX_HEARTBEAT_AGE,
    Batch,
    Charge,
    Decision,
    Draft,
    GeneratedVideo,
    Generation,
    Heartbeat,
    PinnedModel,
)
from evolink_studio.generations.pipeline.provider import get_provider_key
from evolink_studio.generations.pipeline.queue import QueuePosition, get_queue_positions
from evolink_studio.generations.states import ENDED_STATES, LIVE_STATES, State
from evolink_studio.library.models import Asset

RECENT_LIMIT = 12  # ended generations beside the live ones
LIVE_LIMIT = 60
TYPICAL_PERIOD = timedelta(days=90)
SHOWN_RESULTS_LIMIT = 4  # on a card; the rest stands on a page of its own
STATES_WITH_RESULTS = frozenset({State.SAVING, State.COMPLETED})
# Columns that no card shows.
HIDDEN_COLUMNS = (
    *("form_key", "fingerprint", "callback_token", "candidate_task_id", "candidate_confirmed"),
    *("last_reply", "result_urls", "lease_id", "search_text", "credits_held"),
)
# Placeholders of the prepared queries: every press and every page asks these.
_OWNER, _MODEL_ID, _PROVIDER_KEY = -1, "?", "?provider"
_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)


def get_generation_or_404(user: User, pk: int) -> Generation:
    """A generation of this person with its results; else raises Http404. Two queries."""
    generations = load_results(
        Generation.objects.filter(owner_id=user.pk, pk=pk).defer("last_reply")
    )
    if not generations:
        raise Http404
    return generations[0]


def find_cut_id(generation: Generation) -> int | None:
    """The pk of the cut that a film is; None for any other. One query for a cut, else none."""
    if generation.model_id != CUT_MODEL_ID:
        return None
    # The films' own row of it: reached by the relation, since this app does not know theirs.
    rows = Generation.objects.filter(pk=generation.pk)
    return rows.values_list("cut__pk", flat=True).first()


def get_batch_or_404(user: User, pk: int) -> Batch:
    """A batch of this person; else raises Http404. One query."""
    batch = Batch.objects.filter(owner_id=user.pk, pk=pk).first()
    if batch is None:
        raise Http404
    return batch


def has_batch(user: User, form_key: uuid.UUID) -> bool:
    """Whether this form was stored as a batch. One query."""
    return Batch.objects.filter(owner_id=user.pk, form_key=form_key).exists()


def list_resent_batches(batch_id: int, owner_id: int | None) -> list[int]:
    """A batch, and the tables in which what of it ended without a film was sent again, in turn.

    [] for one that is not this person's; `owner_id` None: anybody's. Two queries, and another for
    each time that something was sent again.
    """
    rows = Generation.objects.filter(batch__kind=Batch.Kind.TABLE)
    batches = Batch.objects.filter(pk=batch_id)
    if owner_id is not None:
        rows, batches = rows.filter(owner_id=owner_id), batches.filter(owner_id=owner_id)
    ids = list(batches.values_list("pk", flat=True))
    latest_ids = set(ids)
    while latest_ids:
        followers = rows.filter(based_on__batch__in=latest_ids).order_by()
        found_ids = set(followers.values_list("batch_id", flat=True).distinct())
        latest_ids = {pk for pk in found_ids if pk is not None} - set(ids)
        ids += sorted(latest_ids)
    return ids


def list_batch_generations(batch: Batch) -> list[Generation]:
    """The generations of a batch in their order, with their results. Two queries."""
    rows = Generation.objects.filter(batch=batch).order_by("pk").defer(*HIDDEN_COLUMNS)
    return load_results(rows)


@dataclass(frozen=True)
class UnmadeRows:
    """Generations of a batch that ended without a film, and of which nothing more comes.

    `rows` were not made again yet; `cancelled_ids` of them a person cancelled one by one, or with
    all that waited. `made_again_count` others were, those of `batch_ids` in tables.
    """

    rows: Sequence[Generation] = ()
    cancelled_ids: Collection[int] = ()
    made_again_count: int = 0
    batch_ids: Sequence[int] = ()


def find_unmade_rows(batch: Batch, generations: Sequence[Generation]) -> UnmadeRows:
    """Which of the generations of a batch can be sent again. Up to two queries.

    Those that failed or were cancelled. Not what is in the trash, nor what an admin decided and has
    to look at again: that may be a film yet.
    """
    rows = [row for row in generations if _is_unmade(row)]
    if not rows:
        return UnmadeRows()
    disputed = Decision.objects.filter(generation__in=rows, needs_look=True)
    disputed_ids = set(disputed.values_list("generation_id", flat=True))
    rows = [row for row in rows if row.pk not in disputed_ids]
    followers = Generation.objects.filter(based_on__in=rows, owner_id=batch.owner_id)
    pairs = followers.order_by("pk").values_list("based_on_id", "batch_id")
    followed_ids = {based_on_id for based_on_id, _batch_id in pairs}
    return UnmadeRows(
        rows=[row for row in rows if row.pk not in followed_ids],
        cancelled_ids={row.pk for row in rows if _was_cancelled_by_hand(batch, row)},
        made_again_count=len(followed_ids),
        batch_ids=list(dict.fromkeys(pk for _based_on_id, pk in pairs if pk is not None)),
    )


def _is_unmade(row: Generation) -> bool:
    is_listed = row.trashed_at is None and row.model_id in SPECS
    return is_listed and row.state in (State.FAILED, State.CANCELLED)


def _was_cancelled_by_hand(batch: Batch, row: Generation) -> bool:
    """Whether it was cancelled, and not because the rest of its batch was stopped."""
    if row.state != State.CANCELLED:
        return False
    if row.finished_at is None or batch.stopped_at is None:
        return True
    return row.finished_at < batch.stopped_at


def get_origins(user: User, ids: Collection[int]) -> dict[int, Generation]:
    """Generations of this person that others are made from, by pk, with their settings alone.

    One query; none without ids.
    """
    if not ids:
        return {}
    rows = Generation.objects.filter(owner_id=user.pk, pk__in=ids, model_id__in=list(SPECS))
    return {row.pk: row for row in rows.only("model_id", "params")}


def list_remade_ids(ids: Collection[int], form_key: uuid.UUID) -> set[int]:
    """Those of these generations that were made again, but by the batch of this form key.

    One query; none without ids.
    """
    if not ids:
        return set()
    rows = Generation.objects.filter(based_on_id__in=list(ids)).exclude(batch__form_key=form_key)
    return set(rows.values_list("based_on_id", flat=True))


def list_recent_batches(user: User, limit: int) -> list[Batch]:
    """The newest tables of a person. One query."""
    batches = Batch.objects.filter(owner_id=user.pk, kind=Batch.Kind.TABLE)
    return list(batches.order_by("-created_at", "-id")[:limit])


def is_owner_of(user: User, pk: int) -> bool:
    """Whether this person owns that generation. One query."""
    return Generation.objects.filter(owner_id=user.pk, pk=pk).exists()


def build_results_prefetch() -> Prefetch[str]:
    """Prefetch of the saved results of generations, in one query for all.

    Of each only the first `SHOWN_RESULTS_LIMIT`, and one more where there are more.
    """
    rank = Window(RowNumber(), partition_by="generation", order_by="position")
    results = GeneratedVideo.objects.select_related("asset").annotate(rank=rank)
    return Prefetch(
        "results", results.filter(rank__lte=SHOWN_RESULTS_LIMIT + 1).order_by("position")
    )


def load_results(rows: Iterable[Generation]) -> list[Generation]:
    """These generations with `results` prefetched where there may be some. One more query."""
    generations = list(rows)
    if with_results := [row for row in generations if row.state in STATES_WITH_RESULTS]:
        prefetch_related_objects(with_results, build_results_prefetch())
    return generations


def list_results(generation: Generation, *, first: int, limit: int) -> list[GeneratedVideo]:
    """Saved results of a generation from position `first` on, with their assets. One query."""
    results = GeneratedVideo.objects.filter(generation=generation, position__gte=first)
    return list(results.select_related("asset").order_by("position")[:limit])


def list_recent_generations(user: User) -> list[Generation]:
    """What the workspace lists: a person's live generations, then the newest that ended.

    Live are at most `LIVE_LIMIT`: first what is at EvoLink, the oldest first, then what is queued,
    in its order. Dismissed ones and those in the trash are left out. Three queries.
    """
    owner = {_OWNER: user.pk}
    return load_results([*_live_query().fetch(owner), *_ended_query().fetch(owner)])


@cache
def _live_query() -> PreparedObjects[Generation]:
    live_rows = Generation.objects.filter(owner_id=_OWNER, state__in=LIVE_STATES, dismissed_at=None)
    # Few of very many: selected by state first, or the whole library would be read.
    rows = Generation.objects.filter(pk__in=live_rows.values("pk"))
    is_queued = Q(state=State.QUEUED)
    turn = Case(When(is_queued, then=F("queue_rank")), default=0, output_field=BigIntegerField())
    rows = rows.order_by(Case(When(is_queued, then=1), default=0), turn, "created_at", "id")
    return PreparedObjects(rows.defer(*HIDDEN_COLUMNS)[:LIVE_LIMIT])


@cache
def _ended_query() -> PreparedObjects[Generation]:
    rows = Generation.objects.filter(
        owner_id=_OWNER, state__in=ENDED_STATES, dismissed_at=None, trashed_at=None
    )
    rows = rows.order_by("-created_at", "-id").defer(*HIDDEN_COLUMNS)
    return PreparedObjects(rows[:RECENT_LIMIT])


def count_live_states(user: User) -> dict[str, int]:
    """How many of a person's live, watched generations are in each state. One query."""
    rows = Generation.objects.filter(owner_id=user.pk, state__in=LIVE_STATES, dismissed_at=None)
    return dict(rows.order_by().values_list("state").annotate(n=Count("pk")))


def list_take_ids(batch_ids: Collection[int]) -> dict[int, list[int]]:
    """The generations of those of these batches that are takes, by batch, in their order.

    One query; none without batches.
    """
    if not batch_ids:
        return {}
    rows = Generation.objects.filter(batch_id__in=batch_ids, batch__kind=Batch.Kind.TAKES)
    take_ids: dict[int, list[int]] = {}
    for batch_id, pk in rows.order_by("pk").values_list("batch_id", "pk"):
        take_ids.setdefault(batch_id, []).append(pk)
    return take_ids


def list_shown_generations(user: User, ids: Collection[int]) -> list[Generation]:
    """Those of these that the workspace may list: neither dismissed nor in the trash.

    Two queries; none without ids.
    """
    if not ids:
        return []
    rows = Generation.objects.filter(
        owner_id=user.pk, pk__in=ids, dismissed_at=None, trashed_at=None
    )
    return load_results(rows.order_by("pk").defer(*HIDDEN_COLUMNS))


def list_takes(user: User, batch_id: int) -> list[Generation]:
    """The generations of a batch of takes, in their order; [] for another batch. Two queries."""
    rows = Generation.objects.filter(
        owner_id=user.pk, batch_id=batch_id, batch__kind=Batch.Kind.TAKES
    )
    return load_results(rows.order_by("pk").defer(*HIDDEN_COLUMNS))


def count_uses(assets: Iterable[Asset]) -> dict[int, int]:
    """In how many generations each of these files is, by id; not those in none. One query."""
    inputs = Generation.inputs.through.objects.filter(asset__in=[asset.pk for asset in assets])
    counts = inputs.order_by().values_list("asset_id").annotate(Count("pk"))
    return dict(counts)


def list_films_with(asset: Asset, *, limit: int) -> list[Generation]:
    """The newest generations of its owner that were made with a file. Two queries."""
    rows = asset.used_by.filter(owner_id=asset.owner_id).order_by("-pk")[:limit]
    return load_results(rows)


def get_queue_positions_for(user: User, rows: Sequence[Generation]) -> dict[int, QueuePosition]:
    """Queue positions by pk. No query when none of these rows is queued, else four."""
    return get_queue_positions(user.pk) if any(row.state == State.QUEUED for row in rows) else {}


def get_draft(user: User, model_id: str, page_key: uuid.UUID | None = None) -> Draft | None:
    """A person's newest draft for this model, or that of the page `page_key`. One query."""
    if page_key is not None:
        return Draft.objects.filter(owner_id=user.pk, model_id=model_id, page_key=page_key).first()
    drafts = _newest_draft_query().fetch({_OWNER: user.pk, _MODEL_ID: model_id})
    return drafts[0] if drafts else None


@cache
def _newest_draft_query() -> PreparedObjects[Draft]:
    drafts = Draft.objects.filter(owner_id=_OWNER, model_id=_MODEL_ID)
    return PreparedObjects(drafts.order_by("-saved_at", "-pk")[:1])


def list_drafts(user: User) -> list[Draft]:
    """All drafts of a person, newest first: a few for each model. One query."""
    return list(Draft.objects.filter(owner_id=user.pk).order_by("-saved_at", "-pk"))


def get_last_model_id(user: User) -> str | None:
    """The model of the person's newest generation, cuts aside. One query."""
    rows = Generation.objects.filter(owner_id=user.pk).exclude(model_id=CUT_MODEL_ID)
    rows = rows.order_by("-created_at", "-id")
    return rows.values_list("model_id", flat=True).first()


def get_last_project_id(user: User) -> int | None:
    """The project of the person's newest generation. One query."""
    rows = Generation.objects.filter(owner_id=user.pk).order_by("-created_at", "-id")
    return rows.values_list("project_id", flat=True).first()


def get_typical_seconds(model_ids: Sequence[str], now: datetime) -> dict[str, int]:
    """Median seconds from acceptance to the end by model, of the last 200 completed. One query.

    Of the last TYPICAL_PERIOD: models of which there are none must not be looked for in everything.
    """
    rows = _durations_query(tuple(model_ids)).fetch({_MOMENT: now - TYPICAL_PERIOD})
    durations: dict[str, list[float]] = {}
    for model_id, accepted_at, finished_at in rows:
        if accepted_at and finished_at:
            durations.setdefault(model_id, []).append((finished_at - accepted_at).total_seconds())
    return {
        model_id: int(sorted(seconds)[len(seconds) // 2]) for model_id, seconds in durations.items()
    }


@cache
def _durations_query(model_ids: tuple[str, ...]) -> PreparedQuery:
    rows = Generation.objects.filter(
        created_at__gt=_MOMENT, state=State.COMPLETED, model_id__in=model_ids
    )
    rows = rows.exclude(accepted_at=None).order_by("-created_at")
    return PreparedQuery(rows.values_list("model_id", "accepted_at", "finished_at")[:200])


def list_pinned_model_ids(user: User) -> list[str]:
    """The models that a person pinned, in the order in which they did. One query."""
    return list(PinnedModel.objects.filter(owner_id=user.pk).values_list("model_id", flat=True))


def get_best_films(user: User, model_ids: Sequence[str]) -> dict[str, Asset]:
    """A person's best film of each model that they have films of: the newest starred one, else the
    newest. What lies in the trash does not count. Two queries."""
    (generation_ids,) = _best_films_query(tuple(model_ids)).fetch({_OWNER: user.pk})
    model_by_id = dict(zip(generation_ids, model_ids, strict=True))
    results = GeneratedVideo.objects.filter(generation__in=[pk for pk in model_by_id if pk])
    first_results = results.select_related("asset").order_by("generation_id", "-position")
    return {model_by_id[result.generation_id]: result.asset for result in first_results}


@cache
def _best_films_query(model_ids: tuple[str, ...]) -> PreparedQuery:
    """One row with a number for each model. Each is a look into an index, however many films."""

    def find_newest(model_id: str) -> Coalesce:
        rows = Generation.objects.filter(
            owner_id=OuterRef("pk"), model_id=model_id, state=State.COMPLETED, trashed_at=None
        ).values("pk")
        starred_rows = rows.filter(starred_at__isnull=False).order_by("-starred_at")
        newest_rows = rows.order_by("-created_at", "-id")
        return Coalesce(Subquery(starred_rows[:1]), Subquery(newest_rows[:1]))

    columns = [find_newest(model_id) for model_id in model_ids]
    return PreparedQuery(User.objects.filter(pk=_OWNER).values_list(*columns))


def get_newest_heartbeat() -> Heartbeat | None:
    """The newest heartbeat of any worker. One query."""
    return Heartbeat.objects.order_by("-seen_at").first()


def has_disk_space(now: datetime) -> bool:
    """Whether a live worker has space for another film, or no worker is alive. One query."""
    live_heartbeats = _alive_query().fetch({_MOMENT: now - MAX_HEARTBEAT_AGE})
    return not live_heartbeats or any(heartbeat.has_space for heartbeat in live_heartbeats)


@cache
def _alive_query() -> PreparedObjects[Heartbeat]:
    return PreparedObjects(Heartbeat.objects.alive(_MOMENT + MAX_HEARTBEAT_AGE))


def get_current_provider_account() -> ProviderAccount:
    """The account as last read, less credits taken since then, with those that are outstanding.

    One query, no write.
    """
    provider_key = get_provider_key()
    rows = _account_query().fetch({_PROVIDER_KEY: provider_key})
    if not rows:
        return ProviderAccount(provider_key=provider_key)
    *columns, taken, outstanding = rows[0]
    account = ProviderAccount.from_db(DEFAULT_DB_ALIAS, _ACCOUNT_COLUMNS, columns)
    if account.credits_available is not None:
        account.credits_available -= taken
        account.credits_outstanding = outstanding
    return account


_ACCOUNT_COLUMNS = [field.attname for field in ProviderAccount._meta.concrete_fields]


@cache
def _account_query() -> PreparedQuery:
    """The account, the credits that EvoLink took since it was read, and those it has yet to take.

    EvoLink takes credits when it accepts a task: a reading after that shows them. What has lost its
    answer is never sent again, so a reading after it was sent shows whatever EvoLink took for it.
    """
    read_at = OuterRef("read_at")
    taken_rows = Generation.objects.filter(
        accepted_at__gt=read_at, charge__in=[Charge.RESERVED, Charge.CHARGED]
    )
    outstanding_rows = Generation.objects.filter(
        ~Q(state=State.UNKNOWN) | Q(sent_at__gt=read_at),
        state__in=[State.QUEUED, State.SENDING, State.UNKNOWN],
    )
    return PreparedQuery(
        ProviderAccount.objects.filter(provider_key=_PROVIDER_KEY).values_list(
            *_ACCOUNT_COLUMNS,
            _sum_rows(taken_rows, Coalesce("credits_charged", "credits_reserved")),
            _sum_rows(outstanding_rows, F("credits_held")),
        )
    )


def _sum_rows(rows: "QuerySet[Generation]", amount: Combinable) -> Coalesce:
    """The sum over all of these rows as a column; 0 without any."""
    total = rows.order_by().values(row=Value(1)).annotate(n=Sum(amount)).values("n")
    return Coalesce(Subquery(total), Value(ZERO_CREDITS, CreditsField()))
