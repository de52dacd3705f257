"""Writes caused by a person, a callback or a heartbeat. Nothing here talks to EvoLink."""

import hashlib
import json
import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache, cached_property

from django.db import IntegrityError, transaction
from django.db.models import Case, Count, Q, QuerySet, Value, When

from evolink_studio.accounts.models import User
from evolink_studio.catalog.spec import ModelSpec
from evolink_studio.core.database import durable_transaction, volatile_writes
from evolink_studio.core.prepared_query import PreparedObjects
from evolink_studio.credits import ledger
from evolink_studio.generations.film_facts import find_requested_facts
from evolink_studio.generations.models import (
    UNNAMED_PAGE,
    Batch,
    CallbackDelivery,
    ChangeFeed,
    Draft,
    Generation,
    Heartbeat,
    PinnedModel,
    build_scheduled_filter,
)
from evolink_studio.generations.pipeline import batches as pipeline_batches
from evolink_studio.generations.pipeline.contradictions import record_contradicting_callback
from evolink_studio.generations.pipeline.queue import QUEUE_ORDER, QUEUED_FILTER
from evolink_studio.generations.signals import work_due
from evolink_studio.generations.states import (
    DISMISSIBLE_STATES,
    REFRESHABLE_STATES,
    State,
)
from evolink_studio.generations.transitions import (
    increment_feed_version,
    lock_available,
    transition,
    update_flags,
)
from evolink_studio.library.models import Asset
from evolink_studio.library.services import Deletion, delete_assets
from evolink_studio.prompts.cast.queries import filter_cast_pictures

MAX_CALLBACK_BYTES = 64 * 1024  # a larger body is not read
MAX_CALLBACKS_PER_GENERATION = 20
MAX_DRAFTS_PER_MODEL = 5
MAX_TITLE_CHARACTERS = 120
MAX_RECORDED_BYTES = 2**31 - 1  # the limit of `CallbackDelivery.size_bytes`


def find_callback_rejection(
    generation: Generation, *, earlier_count: int, size_bytes: int, task_id: str
) -> str:
    """Why a callback is ignored; "" if it is not. `earlier_count`: callbacks before it."""
    names_other_task = task_id and generation.task_id and task_id != generation.task_id
    reasons = (
        (earlier_count >= MAX_CALLBACKS_PER_GENERATION, CallbackDelivery.Rejection.TOO_MANY),
        (size_bytes > MAX_CALLBACK_BYTES, CallbackDelivery.Rejection.TOO_LARGE),
        (names_other_task, CallbackDelivery.Rejection.OTHER_TASK),
    )
    return next((reason.value for is_applicable, reason in reasons if is_applicable), "")


class FilesDeleted(Exception):
    """A file of the request was deleted after the form was read: nothing is stored."""


class IdempotencyConflict(Exception):
    """This form key was used before with other content: nothing is stored now."""


class AlreadySentAgain(IdempotencyConflict):
    """What a table repeats was made again meanwhile: nothing is stored now."""


@dataclass(frozen=True)
class CreateResult:
    """A generation, and whether this call created it."""

    generation: Generation
    is_new: bool


@dataclass(frozen=True)
class BatchResult:
    """A batch with its generations in the order of their requests, and whether this call created
    it."""

    batch: Batch
    generations: tuple[Generation, ...]
    is_new: bool


@dataclass(frozen=True, kw_only=True)
class GenerationRequest:
    """What is to be sent for one generation; `params` is valid.

    `max_credits` is the worst case where there is no estimate. `based_on_id` names a generation of
    this person.
    """

    spec: ModelSpec
    params: Mapping[str, object]
    assets: Sequence[Asset]
    credits_estimated: Decimal | None
    max_credits: Decimal | None = None
    based_on_id: int | None = None

    @cached_property
    def fingerprint(self) -> str:
        return compute_fingerprint(self.spec.id, self.params)


def create_generation(
    *,
    owner: User,
    spec: ModelSpec,
    params: Mapping[str, object],
    assets: Sequence[Asset],
    form_key: uuid.UUID,
    credits_estimated: Decimal | None,
    max_credits: Decimal | None = None,
    page_keys: Sequence[uuid.UUID] = (UNNAMED_PAGE,),
    project_id: int | None = None,
    based_on_id: int | None = None,
    now: datetime,
) -> CreateResult:
    """Store one generation and reserve its credits; the worker sends it. `params` is valid.

    `max_credits` is the worst case where there is no estimate, because price or length is open.
    The draft of the first of `page_keys` that has one is deleted; other pages keep theirs.
    `project_id` and `based_on_id` name rows that this person may use.

    The form key is unique per owner: submitting the same form again returns the same generation.
    Raises IdempotencyConflict when the form key comes with other content, SpendingDenied when an
    allowance refuses, and FilesDeleted when one of `assets` is gone; nothing is stored then. Raises
    CommitUnclear when the answer to the commit was lost: submitting the same form again returns
    what was stored, or stores it.
    """
    request = GenerationRequest(
        spec=spec,
        params=params,
        assets=assets,
        credits_estimated=credits_estimated,
        max_credits=max_credits,
        based_on_id=based_on_id,
    )
    existing_generation = _find_by_form_key(owner, form_key)
    if existing_generation is None:
        try:
            with durable_transaction():
                version = increment_feed_version(owner.pk)
                generation = _build_generation(
                    owner, request, form_key, version=version, project_id=project_id, now=now
                )
                generation.save(force_insert=True)
                _store_inputs([generation], [request])
                generation.credits_held = ledger.reserve(
                    generation_id=generation.pk,
                    user=owner,
                    model_id=spec.id,
                    amount=credits_estimated,
                    max_credits=max_credits,
                    now=now,
                )
                generation.save(update_fields=["credits_held"])
                _delete_draft(owner, spec.id, page_keys)
                work_due.send(Generation, state=State.QUEUED)
            return CreateResult(generation, is_new=True)
        except IntegrityError:
            existing_generation = _find_by_form_key(owner, form_key)
            if existing_generation is None:  # it was another constraint
                raise
    is_same = existing_generation.fingerprint == request.fingerprint
    if not is_same or existing_generation.batch_id is not None:
        raise IdempotencyConflict
    return CreateResult(existing_generation, is_new=False)


def create_batch(
    *,
    owner: User,
    kind: Batch.Kind,
    requests: Sequence[GenerationRequest],
    form_key: uuid.UUID,
    title: str = "",
    max_failures: int | None = None,
    page_keys: Sequence[uuid.UUID] = (),
    project_id: int | None = None,
    now: datetime,
) -> BatchResult:
    """Store generations of one press and reserve their credits: all of them, or none.

    The first generation has the key of the press, the others keys that follow from it. So a form is
    stored once, be it as a batch or as a single generation: the same content again returns what was
    stored, other content or another number raises IdempotencyConflict. The draft of the first of
    `page_keys` that has one is deleted. A table sends again what it repeats only once, whichever
    page offers it: else AlreadySentAgain. Raises as `create_generation` does; then nothing is
    stored.
    """
    if not requests:
        raise ValueError("a batch without generations")
    result = _find_batch(owner, form_key, requests)
    if result is not None:
        return result
    try:
        with durable_transaction():
            # Also waits for another press of this person: each sees what the other has left.
            version = increment_feed_version(owner.pk)
            if kind == Batch.Kind.TABLE:
                _refuse_second_repetition(requests)
            batch = Batch.objects.create(
                owner=owner,
                kind=kind,
                form_key=form_key,
                title=title[:MAX_TITLE_CHARACTERS],
                max_failures=max_failures,
                created_at=now,
            )
            generations = [
                _build_generation(
                    owner,
                    request,
                    derive_form_key(form_key, number),
                    version=version,
                    project_id=project_id,
                    batch=batch,
                    now=now,
                )
                for number, request in enumerate(requests)
            ]
            Generation.objects.bulk_create(generations)
            _store_inputs(generations, requests)
            _reserve_together(owner, generations, requests, now)
            _delete_draft(owner, requests[0].spec.id, page_keys)
            work_due.send(Generation, state=State.QUEUED)
        return BatchResult(batch, tuple(generations), is_new=True)
    except (IntegrityError, AlreadySentAgain):
        result = _find_batch(owner, form_key, requests)
        if result is not None:
            return result
        keys = [derive_form_key(form_key, number) for number in range(len(requests))]
        if Generation.objects.filter(owner=owner, form_key__in=keys).exists():
            raise IdempotencyConflict from None
        raise  # it was another constraint


def _refuse_second_repetition(requests: Sequence[GenerationRequest]) -> None:
    """Raises AlreadySentAgain. The caller has locked the feed of the owner. One query, or none."""
    repeated_ids = [request.based_on_id for request in requests if request.based_on_id]
    if repeated_ids and Generation.objects.filter(based_on_id__in=repeated_ids).exists():
        raise AlreadySentAgain


def create_takes(
    *,
    owner: User,
    request: GenerationRequest,
    count: int,
    form_key: uuid.UUID,
    page_keys: Sequence[uuid.UUID] = (UNNAMED_PAGE,),
    project_id: int | None = None,
    now: datetime,
) -> BatchResult:
    """Store `count` generations of one request, as `create_batch` does."""
    return create_batch(
        owner=owner,
        kind=Batch.Kind.TAKES,
        requests=[request] * count,
        form_key=form_key,
        page_keys=page_keys,
        project_id=project_id,
        now=now,
    )


def derive_form_key(form_key: uuid.UUID, number: int) -> uuid.UUID:
    """The form key of a generation of a batch, by its number from 0: the first has the batch's."""
    return uuid.uuid5(form_key, str(number)) if number else form_key


def _find_batch(
    owner: User, form_key: uuid.UUID, requests: Sequence[GenerationRequest]
) -> BatchResult | None:
    """What was stored with this form key; raises IdempotencyConflict if it was something else."""
    batch = Batch.objects.filter(owner=owner, form_key=form_key).first()
    if batch is None:
        if _find_by_form_key(owner, form_key) is not None:
            raise IdempotencyConflict
        return None
    generations = tuple(Generation.objects.filter(batch=batch).order_by("pk"))
    fingerprints = [generation.fingerprint for generation in generations]
    if fingerprints != [request.fingerprint for request in requests]:
        raise IdempotencyConflict
    return BatchResult(batch, generations, is_new=False)


def _build_generation(
    owner: User,
    request: GenerationRequest,
    form_key: uuid.UUID,
    *,
    version: int,
    project_id: int | None,
    batch: Batch | None = None,
    now: datetime,
) -> Generation:
    """A queued generation, not stored yet. Its credits are not reserved."""
    return Generation(
        owner=owner,
        model_id=request.spec.id,
        prompt=str(request.params.get("prompt") or ""),
        params=dict(request.params),
        **find_requested_facts(request.params),
        project_id=project_id,
        based_on_id=request.based_on_id,
        batch=batch,
        form_key=form_key,
        fingerprint=request.fingerprint,
        credits_estimated=request.credits_estimated,
        expected_seconds=request.spec.typical_seconds,
        created_version=version,
        changed_version=version,
        created_at=now,
        accounted_at=now,
        progressed_at=now,
        next_attempt_at=now,
    )


def _reserve_together(
    owner: User,
    generations: Sequence[Generation],
    requests: Sequence[GenerationRequest],
    now: datetime,
) -> None:
    amounts = ledger.reserve_together(
        requests=[
            ledger.ReservationRequest(
                generation_id=generation.pk,
                model_id=request.spec.id,
                amount=request.credits_estimated,
                max_credits=request.max_credits,
            )
            for generation, request in zip(generations, requests, strict=True)
        ],
        user=owner,
        now=now,
    )
    ids_by_amount: dict[Decimal, list[int]] = defaultdict(list)
    for generation in generations:
        generation.credits_held = amounts[generation.pk]
        ids_by_amount[amounts[generation.pk]].append(generation.pk)
    for amount, generation_ids in ids_by_amount.items():
        Generation.objects.filter(pk__in=generation_ids).update(credits_held=amount)


def _find_by_form_key(owner: User, form_key: uuid.UUID) -> Generation | None:
    """With few columns; the others are deferred."""
    rows = _form_key_query().fetch({_OWNER: owner.pk, _FORM_KEY: form_key})
    return rows[0] if rows else None


_OWNER, _FORM_KEY = -1, uuid.UUID(int=1)  # placeholders


@cache
def _form_key_query() -> PreparedObjects[Generation]:
    rows = Generation.objects.filter(owner_id=_OWNER, form_key=_FORM_KEY)
    return PreparedObjects(rows.only("owner_id", "fingerprint", "state", "batch_id"))


def _store_inputs(generations: Sequence[Generation], requests: Sequence[GenerationRequest]) -> None:
    """Locks the files, so that `delete_files` either sees these generations or was first.

    Those of all generations at once, in the order in which `delete_files` locks them.
    """
    asset_ids = {asset.pk for request in requests for asset in request.assets}
    if not asset_ids:
        return
    locked_assets = Asset.objects.select_for_update().filter(pk__in=asset_ids).order_by("pk")
    if len(locked_assets) < len(asset_ids):
        raise FilesDeleted
    links = [
        Generation.inputs.through(generation_id=generation.pk, asset_id=asset_id)
        for generation, request in zip(generations, requests, strict=True)
        for asset_id in sorted({asset.pk for asset in request.assets})
    ]
    Generation.inputs.through.objects.bulk_create(links)


def delete_files(*, owner: User, asset_ids: Collection[int]) -> Deletion | None:
    """Delete files that a person added, except those of generations that are not sent yet, and
    those that a member of the cast is shown with.

    None when there is none of these.
    """
    return delete_assets(owner=owner, asset_ids=asset_ids, find_needed=_find_needed_files)


def _find_needed_files(asset_ids: Collection[int]) -> Collection[int]:
    unsent_generations = Generation.objects.filter(
        build_scheduled_filter(State.QUEUED, State.SENDING)
    )
    unsent_ids = unsent_generations.filter(inputs__in=asset_ids).values_list("inputs", flat=True)
    return {*unsent_ids, *filter_cast_pictures(asset_ids)}


def compute_fingerprint(model_id: str, params: Mapping[str, object]) -> str:
    """SHA-256 of model and parameters in hex, whatever the order of the keys."""
    text = json.dumps([model_id, params], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def cancel(*, generation: Generation, now: datetime) -> bool:
    """Cancel a queued generation: nothing is charged. False when it is no longer queued."""
    return transition(generation, State.CANCELLED, now=now)


def cancel_waiting(*, owner: User, now: datetime) -> int:
    """Cancel all that this person has in the queue: nothing is charged. Returns how many.

    One after another in the order of their turn, each in a transaction of its own: what a worker
    sends meanwhile is left alone.
    """
    waiting = Generation.objects.filter(QUEUED_FILTER, owner_id=owner.pk).order_by(*QUEUE_ORDER)
    return sum(
        transition(generation, State.CANCELLED, now=now)
        for generation in list(waiting.only("pk", "owner_id"))
    )


class QueueMove(StrEnum):
    """Where a queued generation goes among its owner's others."""

    FIRST = "first"
    UP = "up"
    DOWN = "down"


def move_in_queue(*, generation: Generation, to: QueueMove) -> bool:
    """Change its turn among its owner's queued generations.

    False when it is no longer queued, a worker prepares it, or there is nothing to move it past;
    nothing is changed then. What a worker prepares keeps its turn.
    """
    queued_rows = Generation.objects.filter(QUEUED_FILTER, owner_id=generation.owner_id)
    movable_rows = queued_rows.filter(lease_id=None).order_by(*QUEUE_ORDER)
    with transaction.atomic():
        # Nobody leases a row of this person while their feed is locked.
        version = increment_feed_version(generation.owner_id, affects_credits=False)
        locked_rows = movable_rows.select_for_update(skip_locked=True)
        ranks = _rank_moved(
            list(locked_rows.values_list("pk", "queue_rank")), moved_id=generation.pk, to=to
        )
        if not ranks:
            return False
        movable_rows.order_by().filter(pk__in=ranks).update(
            queue_rank=Case(*(When(pk=pk, then=Value(rank)) for pk, rank in ranks.items()))
        )
        queued_rows.update(changed_version=version)
    return True


def _rank_moved(rows: Sequence[tuple[int, int]], *, moved_id: int, to: QueueMove) -> dict[int, int]:
    """The ranks to store, by pk, of `rows` of (pk, rank) in their order; {} if nothing moves.

    All ranks stay below that of the next row, and so below 0, that of rows which come later.
    """
    ids = [pk for pk, _rank in rows]
    if moved_id not in ids:
        return {}
    index = ids.index(moved_id)
    target_index = {QueueMove.FIRST: 0, QueueMove.UP: index - 1, QueueMove.DOWN: index + 1}[to]
    if target_index == index or not 0 <= target_index < len(ids):
        return {}
    if target_index == 0:
        return {moved_id: rows[0][1] - 1}
    ids.insert(target_index, ids.pop(index))
    changed_ids = ids[: max(index, target_index) + 1]
    next_rank = rows[len(changed_ids)][1] if len(changed_ids) < len(rows) else 0
    return {pk: next_rank - len(changed_ids) + position for position, pk in enumerate(changed_ids)}


def stop_batch(*, batch: Batch, now: datetime) -> int:
    """Cancel what of a batch waits: nothing of it is charged. Returns how many were cancelled."""
    return pipeline_batches.stop_batch(batch, now=now)


def dismiss(*, generation: Generation, now: datetime) -> bool:
    """Take it off the workspace: worker and costs are not affected. False when it has ended."""
    condition = Q(state__in=DISMISSIBLE_STATES, dismissed_at=None)
    return update_flags(generation, condition=condition, dismissed_at=now)


def restore(*, generation: Generation) -> bool:
    """Undo `dismiss`. False when it was not dismissed."""
    return update_flags(generation, condition=Q(dismissed_at__isnull=False), dismissed_at=None)


def record_callback(
    *, token: str, size_bytes: int, status: str, task_id: str, now: datetime
) -> None:
    """Log a callback and make its task due now. Nothing it says is stored as fact.

    The secret `token` names the generation; an unknown one is ignored.

    In state `unknown` the task it names becomes the candidate: the worker reads it with our key
    before it is linked. A rejected callback is only logged; beyond MAX_CALLBACKS_PER_GENERATION
    one more is logged and the rest are dropped, so a flood cannot fill the table.
    """
    if "\0" in token:  # PostgreSQL refuses NUL in a query
        return
    generation = (
        Generation.objects.filter(callback_token=token)
        .annotate(earlier_count=Count("deliveries"))
        .only("pk", "state", "task_id")
        .first()
    )
    if generation is None or generation.earlier_count > MAX_CALLBACKS_PER_GENERATION:
        return
    rejection = find_callback_rejection(
        generation,
        earlier_count=generation.earlier_count,
        size_bytes=size_bytes,
        task_id=task_id,
    )
    CallbackDelivery.objects.create(
        generation=generation,
        received_at=now,
        size_bytes=min(size_bytes, MAX_RECORDED_BYTES),
        reported_status=status[:40],
        reported_task_id=task_id[:128],
        rejection=rejection,
    )
    if task_id and rejection in ("", CallbackDelivery.Rejection.OTHER_TASK):
        record_contradicting_callback(generation.pk, status=status, task_id=task_id, now=now)
    if rejection:
        return
    rows = Generation.objects.filter(pk=generation.pk, next_attempt_at__gt=now)
    # A read under way may have asked too early: without its lease its result is not stored.
    rows.filter(state=State.RUNNING).update(next_attempt_at=now, lease_id=None)
    if task_id:
        # A candidate that an admin named is not replaced.
        lost_rows = Generation.objects.filter(pk=generation.pk, state=State.UNKNOWN)
        named_by_admin = Q(candidate_confirmed=True, candidate_task_id__gt="")
        lost_rows.exclude(named_by_admin).update(
            next_attempt_at=now, candidate_task_id=task_id, candidate_confirmed=False, lease_id=None
        )
    work_due.send(Generation, state=generation.state)


def refresh_now(*, queryset: QuerySet[Generation], now: datetime) -> int:
    """Make running, unknown and saving generations due now: to be read, searched or downloaded.

    Free: nothing is sent. Returns how many were made due; ended, queued and leased rows are left
    alone.
    """
    rows = Generation.objects.filter(
        pk__in=queryset.order_by().values("pk"), state__in=REFRESHABLE_STATES, lease_id=None
    )
    with transaction.atomic():
        for state in REFRESHABLE_STATES:
            work_due.send(Generation, state=state)
        return Generation.objects.filter(pk__in=lock_available(rows)).update(next_attempt_at=now)


def save_draft(
    *,
    owner: User,
    model_id: str,
    values: Mapping[str, object],
    page_keys: Sequence[uuid.UUID] = (UNNAMED_PAGE,),
    now: datetime,
) -> None:
    """Store what a person typed for one AI model on one page.

    `page_keys`: the page's own key, then that of the draft it was opened from, which becomes its
    own. Drafts of other pages stay, up to MAX_DRAFTS_PER_MODEL.
    """
    drafts = Draft.objects.filter(owner=owner, model_id=model_id)
    changes = {"page_key": page_keys[0], "values": dict(values), "saved_at": now}
    for key in page_keys:
        if drafts.filter(page_key=key).update(**changes):
            return
    draft = Draft(owner=owner, model_id=model_id, **changes)
    Draft.objects.bulk_create([draft], ignore_conflicts=True)  # its page may have been quicker
    newest_ids = drafts.order_by("-saved_at", "-pk").values("pk")[:MAX_DRAFTS_PER_MODEL]
    drafts.exclude(pk__in=newest_ids).delete()


def _delete_draft(owner: User, model_id: str, page_keys: Sequence[uuid.UUID]) -> None:
    """Delete the draft of the first key that has one."""
    for key in page_keys:
        if Draft.objects.filter(owner=owner, model_id=model_id, page_key=key).delete()[0]:
            return


def pin_model(*, owner: User, model_id: str, now: datetime) -> None:
    """Keep a model at the top of this person's picker. Pinned twice, it stays where it is."""
    PinnedModel.objects.get_or_create(owner=owner, model_id=model_id, defaults={"pinned_at": now})


def unpin_model(*, owner: User, model_id: str) -> None:
    """Let a model stand in the picker where it stands for everybody."""
    PinnedModel.objects.filter(owner=owner, model_id=model_id).delete()


def ensure_feed(*, owner: User) -> None:
    """Create the change feed of a person unless it exists."""
    ChangeFeed.objects.get_or_create(pk=owner.pk)


def record_heartbeat(*, worker: str, disk_free_bytes: int, now: datetime) -> None:
    """Store that a worker is alive. Workers not seen for a day are deleted."""
    values = {"seen_at": now, "disk_free_bytes": disk_free_bytes}
    with volatile_writes():  # written time and again, and old as soon as it is read
        if not Heartbeat.objects.filter(worker=worker).update(**values):
            Heartbeat.objects.get_or_create(worker=worker, defaults=values)
        Heartbeat.objects.filter(seen_at__lt=now - timedelta(days=1)).delete()
