"""Generations, their results, roll-up, callbacks, alerts; change feeds, drafts, heartbeats."""

import secrets
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import (
    Q,
)
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from evolink_studio.core.json_field import TolerantJSONField, get_member
from evolink_studio.core.search import FoldedTextField
from evolink_studio.credits.fields import CreditsField
from evolink_studio.generations.states import ENDED_STATES, LIVE_STATES, State
from evolink_studio.library.models import Asset
from evolink_studio.projects.models import Project


def create_callback_token() -> str:
    """A random text of 128 bits for the path of a callback."""
    return secrets.token_urlsafe(16)


class Charge(models.TextChoices):
    """What is known about the money of a generation."""

    NONE = "none", _("nothing charged")
    RESERVED = "reserved", _("reserved")
    CHARGED = "charged", _("charged")
    RETURNED = "returned", _("returned")
    UNCLEAR = "unclear", _("not clear yet")


# The final cost is not known yet.
OPEN_CHARGES = frozenset({Charge.RESERVED, Charge.UNCLEAR})


def find_unreadable_positions(failed_results: object) -> set[int]:
    """Positions of the results that are given up because of what they contain.

    What is no `Generation.failed_results` names none.
    """
    items = failed_results.items() if isinstance(failed_results, Mapping) else ()
    return {
        int(position)
        for position, failure in items
        if position.isdecimal() and len(position) < 10 and get_member(failure, "final")
    }


def build_scheduled_filter(*states: State) -> Q:
    """Rows in these live states with a due time: all of them, but for some `unknown` ones.

    They are few among very many, and the index of due rows has no others. SQLite uses it only where
    the query says that the time is set, so whatever looks for live rows of all people says this.
    """
    return Q(state__in=states, next_attempt_at__isnull=False)


MAX_TAKES = 4  # of one press


class Batch(models.Model):
    """Generations of one press: takes of the same request, or a table of several."""

    class Kind(models.TextChoices):
        TAKES = "takes", _("takes")
        TABLE = "table", _("batch")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="batches"
    )
    kind = models.CharField(max_length=5, choices=Kind.choices)
    form_key = models.UUIDField(help_text=_("Of the press: the same key is the same batch."))
    title = models.CharField(_("title"), max_length=120, blank=True)
    max_failures = models.PositiveSmallIntegerField(
        null=True, help_text=_("After so many failures the rest is not sent; empty: never.")
    )
    created_at = models.DateTimeField(_("created"))
    stopped_at = models.DateTimeField(null=True, help_text=_("When the rest was cancelled."))

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "form_key"], name="one_batch_per_form")
        ]
        indexes = [models.Index(fields=["owner", "-created_at", "-id"], name="batch_by_owner")]

    def __str__(self) -> str:
        return self.title or f"#{self.pk}"


class Generation(models.Model):
    """One request of one person for a film: at most one task at EvoLink, ever."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="generations",
        verbose_name=_("person"),
    )
    model_id = models.CharField(_("model"), max_length=100)
    prompt = models.TextField(_("prompt"), blank=True)
    search_text = FoldedTextField(source="prompt")
    params = TolerantJSONField(
        _("parameters"), help_text=_("What the person chose; pictures as asset:<number>.")
    )
    inputs = models.ManyToManyField(Asset, related_name="used_by", blank=True)
    form_key = models.UUIDField(default=uuid.uuid4)
    fingerprint = models.CharField(max_length=64, help_text=_("Hash of model and parameters."))

    project = models.ForeignKey(
        Project,
        on_delete=models.PROTECT,
        null=True,
        related_name="generations",
        verbose_name=_("project"),
        db_index=False,
    )
    batch = models.ForeignKey(
        Batch, on_delete=models.PROTECT, null=True, related_name="generations"
    )
    based_on = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        related_name="followers",
        help_text=_("The generation whose settings it was made with again."),
    )

    # How the person keeps it. Nothing of this moves money or the work on it.
    title = models.CharField(_("title"), max_length=120, blank=True)
    notes = models.TextField(_("notes"), blank=True)
    starred_at = models.DateTimeField(_("starred"), null=True)
    trashed_at = models.DateTimeField(
        _("in the trash"),
        null=True,
        help_text=_("Its files are deleted after 30 days; the row and its money stay."),
    )
    emptied_at = models.DateTimeField(
        _("files deleted"), null=True, help_text=_("When its files were deleted from the trash.")
    )
    # What a list of films is filtered by: as asked for, then as the saved film is.
    ratio = models.CharField(_("ratio"), max_length=12, blank=True)
    seconds = models.PositiveSmallIntegerField(_("seconds"), null=True)
    has_sound = models.BooleanField(_("with sound"), null=True)
    label_text = models.TextField(
        blank=True,
        default="",
        editable=False,
        help_text=_("Title, notes and tags, folded for the search."),
    )

    state = models.CharField(_("state"), max_length=9, choices=State.choices, default=State.QUEUED)
    queue_rank = models.BigIntegerField(
        default=0, help_text=_("Among a person's waiting ones the lowest goes first.")
    )
    progress = models.PositiveSmallIntegerField(_("progress"), default=0)
    stalled_since = models.DateTimeField(_("no news since"), null=True)
    last_status = models.CharField(_("EvoLink's state"), max_length=20, blank=True)
    created_version = models.PositiveBigIntegerField(
        default=0, help_text=_("The feed version it began with.")
    )
    changed_version = models.PositiveBigIntegerField(default=0)

    task_id = models.CharField(_("task at EvoLink"), max_length=128, null=True, unique=True)
    callback_token = models.CharField(max_length=32, unique=True, default=create_callback_token)
    candidate_task_id = models.CharField(
        _("possible task"),
        max_length=128,
        blank=True,
        help_text=_("Named by a callback while the answer is lost; looked up before it counts."),
    )
    candidate_confirmed = models.BooleanField(
        default=False, help_text=_("An admin named the possible task, so its time is not compared.")
    )
    model_used = models.CharField(_("model used"), max_length=100, blank=True)
    expected_seconds = models.PositiveIntegerField(_("expected seconds"), default=0)
    result_urls = TolerantJSONField(default=list)
    failed_results = TolerantJSONField(
        default=dict,
        help_text=_("By position: how often a result was tried, and whether it is given up."),
    )
    results_expire_at = models.DateTimeField(_("links valid until"), null=True)
    local_copy_seen_at = models.DateTimeField(
        _("copy seen here"),
        null=True,
        help_text=_(
            "When a worker last saw its film, whole, on its own disk and not in the library."
        ),
    )
    last_reply = TolerantJSONField(_("last reply"), null=True)

    credits_estimated = CreditsField(_("estimated credits"), null=True)
    credits_reserved = CreditsField(_("credits reserved by EvoLink"), null=True)
    credits_charged = CreditsField(_("charged credits"), null=True)
    # `credits_reserved` stays when it has ended; this is empty by then.
    credits_held = CreditsField(
        _("reserved now"),
        null=True,
        help_text=_("What the ledger reserves for it now; empty once nothing is reserved."),
    )
    charge = models.CharField(_("money"), max_length=8, choices=Charge.choices, default=Charge.NONE)
    error_code = models.CharField(_("error code"), max_length=100, blank=True)
    error_text = models.TextField(_("EvoLink's own words"), blank=True)
    error_field = models.CharField(max_length=100, blank=True)

    created_at = models.DateTimeField(_("created"))
    sent_at = models.DateTimeField(_("sent"), null=True)
    accepted_at = models.DateTimeField(_("accepted"), null=True)
    progressed_at = models.DateTimeField(_("last news"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    accounted_at = models.DateTimeField(
        _("counted on"),
        help_text=_("The moment of its charge; of its press as long as nothing was charged."),
    )
    dismissed_at = models.DateTimeField(
        _("put away"), null=True, help_text=_("The person stopped watching; the work goes on.")
    )

    # A lease moves `next_attempt_at` into the future: if its worker dies, the row is due again.
    next_attempt_at = models.DateTimeField(_("next look"), null=True)
    lease_id = models.UUIDField(null=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)

    class Meta:
        verbose_name = _("generation")
        verbose_name_plural = _("generations")
        constraints = [
            models.UniqueConstraint(fields=["owner", "form_key"], name="one_generation_per_form"),
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in State]), name="generation_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(progress__lte=100), name="generation_progress_is_percent"
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="generation_by_owner"),
            models.Index(fields=["owner", "changed_version"], name="generation_by_version"),
            # The lists of the admin pages: by each filter, in each order.
            models.Index(
                fields=["owner", "state", "-created_at", "-id"], name="generation_by_owner_state"
            ),
            models.Index(
                fields=["owner", "charge", "-created_at", "-id"], name="generation_by_owner_charge"
            ),
            models.Index(fields=["state", "-created_at", "-id"], name="generation_by_state"),
            models.Index(fields=["charge", "-created_at", "-id"], name="generation_newest_charge"),
            models.Index(
                fields=["state", "charge", "-created_at", "-id"], name="generation_state_charge"
            ),
            models.Index(fields=["credits_charged", "id"], name="generation_cost"),
            *(
                models.Index(
                    fields=[column, "credits_charged", "id"],
                    name=f"generation_cost_{name}",
                )
                for column, name in (
                    ("owner", "by_owner"),
                    ("state", "by_state"),
                    ("model_id", "by_model"),
                    ("charge", "by_charge"),
                )
            ),
            models.Index(fields=["charge", "accepted_at"], name="generation_by_charge"),
            models.Index(
                fields=["owner", "credits_held"],
                name="generation_held",
                condition=Q(credits_held__isnull=False),
            ),
            # SQLite uses a partial index only when the query repeats its condition word for word:
            # `next_attempt_at <= now` implies not null, but no query lists the states.
            models.Index(
                fields=["state", "next_attempt_at"],
                name="generation_due",
                condition=Q(next_attempt_at__isnull=False),
            ),
            models.Index(fields=["-created_at"], name="generation_newest"),
            models.Index(fields=["-accounted_at"], name="generation_accounted"),
            models.Index(fields=["model_id", "-created_at"], name="generation_by_model"),
            # The trash of a person, and what is to be emptied from all of them.
            models.Index(
                fields=["owner", "-trashed_at", "-id"],
                name="generation_trash",
                condition=Q(trashed_at__isnull=False, emptied_at__isnull=True),
            ),
            models.Index(
                fields=["trashed_at", "id"],
                name="generation_to_empty",
                condition=Q(trashed_at__isnull=False, emptied_at__isnull=True),
            ),
            # A person's best film of a model: the newest starred one, else the newest.
            models.Index(
                fields=["owner", "model_id", "state", "-created_at", "-id"],
                name="generation_owner_model",
            ),
            models.Index(
                fields=["owner", "model_id", "-starred_at"],
                name="generation_starred_model",
                condition=Q(starred_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model_id} #{self.pk}"

    def get_admin_url(self) -> str:
        """The address of its admin page. Needs only the pk."""
        return reverse("admin:generations_generation_change", args=[self.pk])

    @property
    def is_ended(self) -> bool:
        return self.state in ENDED_STATES

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_STATES

    @property
    def is_dismissed(self) -> bool:
        """Whether the person dismissed it and it has not ended."""
        return self.dismissed_at is not None and self.is_live

    def get_elapsed(self, now: datetime) -> timedelta:
        """From its creation to its end, or to `now`."""
        return (self.finished_at or now) - self.created_at


class PinnedModel(models.Model):
    """An AI model that a person keeps at the top of the picker."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="pinned_models",
        db_index=False,
    )
    model_id = models.CharField(_("model"), max_length=100)
    pinned_at = models.DateTimeField(_("pinned"))

    class Meta:
        verbose_name = _("pinned model")
        verbose_name_plural = _("pinned models")
        ordering = ["pinned_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "model_id"], name="one_pin_per_model")
        ]

    def __str__(self) -> str:
        return self.model_id


class UsageRollup(models.Model):
    """Counts and credits of the generations of one day or month (UTC of `accounted_at`).

    The database keeps it by triggers (`usage_rollup`): no code writes it, and none can forget to.
    """

    class Period(models.TextChoices):
        """What a row adds up. Days add up to their month: a long time is read from few rows."""

        DAY = "day"
        MONTH = "month"

    period = models.CharField(max_length=5, choices=Period.choices)
    starts_on = models.DateField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    model_id = models.CharField(max_length=100)
    state = models.CharField(max_length=9, choices=State.choices)
    # No key of another table: without a project it is 0, which a unique key can compare.
    project_id = models.BigIntegerField(default=0)
    generation_count = models.PositiveBigIntegerField()
    credits_estimated = CreditsField()
    credits_held = CreditsField()
    credits_charged = CreditsField()

    class Meta:
        verbose_name = _("usage")
        constraints = [
            models.UniqueConstraint(
                fields=["period", "starts_on", "owner", "model_id", "state", "project_id"],
                name="one_rollup_per_key",
            )
        ]
        indexes = [
            models.Index(fields=["owner", "period", "starts_on"], name="rollup_by_owner"),
            models.Index(
                fields=["project_id", "period", "starts_on"],
                name="rollup_by_project",
                condition=Q(project_id__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period} {self.starts_on} {self.owner_id} {self.model_id} {self.state}"


class GeneratedVideo(models.Model):
    """A film of a generation, saved in the library."""

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="results")
    asset = models.OneToOneField(Asset, on_delete=models.PROTECT, related_name="result")
    position = models.PositiveSmallIntegerField()

    class Meta:
        verbose_name = _("film")
        verbose_name_plural = _("films")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["generation", "position"], name="one_video_per_position"
            )
        ]

    def __str__(self) -> str:
        return f"{self.generation_id}/{self.position}"


class CallbackDelivery(models.Model):
    """A callback received for a generation. It proves nothing; it only makes the task due."""

    class Rejection(models.TextChoices):
        """Why a callback was ignored."""

        OTHER_TASK = "other_task", _("names another task")
        TOO_LARGE = "too_large", _("too large")
        TOO_MANY = "too_many", _("too many")

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="deliveries")
    received_at = models.DateTimeField(_("at"))
    size_bytes = models.PositiveIntegerField(_("bytes"))
    reported_status = models.CharField(_("says"), max_length=40, blank=True)
    reported_task_id = models.CharField(_("task it names"), max_length=128, blank=True)
    rejection = models.CharField(_("refused"), max_length=10, choices=Rejection.choices, blank=True)

    class Meta:
        verbose_name = _("callback")
        verbose_name_plural = _("callbacks")
        ordering = ["-received_at"]
        indexes = [
            models.Index(fields=["-received_at", "-id"], name="callback_newest"),
            models.Index(fields=["rejection", "-received_at", "-id"], name="callback_by_rejection"),
            models.Index(fields=["reported_task_id", "-received_at"], name="callback_by_task"),
        ]

    def __str__(self) -> str:
        return f"{self.generation_id} {self.received_at:%Y-%m-%d %H:%M:%S}"


class Alert(models.Model):
    """Records that admins were notified of an incident, so that it happens once."""

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="alerts")
    incident_type = models.CharField(max_length=20)
    announced_at = models.DateTimeField()

    class Meta:
        verbose_name = _("alert")
        constraints = [
            models.UniqueConstraint(
                fields=["generation", "incident_type"], name="one_alert_per_incident_type"
            )
        ]

    def __str__(self) -> str:
        return f"{self.generation_id} {self.incident_type}"


class TaskLookup(models.Model):
    """A task that an admin named: the worker reads it, and the admin sees what it is.

    Without `generation` it is to be brought into somebody's library.
    """

    class Outcome(models.TextChoices):
        """What EvoLink answered; empty until then."""

        FOUND = "found", _("EvoLink knows this task")
        NOT_FOUND = (
            "not_found",
            _("EvoLink knows no such task, or it belongs to the key of another account"),
        )
        REFUSED = "refused", _("EvoLink refuses to show this task to the studio's key")
        UNANSWERED = "unanswered", _("EvoLink could not be reached")

    task_id = models.CharField(_("task at EvoLink"), max_length=128)
    generation = models.ForeignKey(
        Generation, on_delete=models.CASCADE, null=True, related_name="lookups"
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    requested_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    reply = TolerantJSONField(null=True)

    class Meta:
        verbose_name = _("task lookup")
        verbose_name_plural = _("task lookups")
        indexes = [
            models.Index(
                fields=["requested_at"],
                name="lookup_waiting",
                condition=Q(answered_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return self.task_id


class DecisionQuerySet(models.QuerySet["Decision"]):
    """Decisions, and what speaks against them."""

    def contradict(self, by: "Decision.Contradiction", *, now: datetime, task_id: str = "") -> int:
        """Mark those that still stand as contradicted, once. Returns how many. One query."""
        standing_decisions = self.filter(closed_at=None, contradicted_at=None)
        return standing_decisions.update(
            contradiction=by, contradicted_at=now, contradicting_task_id=task_id, needs_look=True
        )


class Decision(models.Model):
    """What was decided about the task of a generation, by an admin or (without `actor`) the search.

    It stands until `closed_at`: then it was taken back. `needs_look`: it left something to settle,
    or EvoLink said otherwise later (`contradiction`), so that it is an incident.
    """

    class Kind(models.TextChoices):
        """What was decided."""

        LINK = "link", _("task linked")
        UNLINK = "unlink", _("task unlinked")
        NEVER_TAKEN = "never", _("EvoLink never took it")
        CHARGED = "charged", _("charged without a film")

    class Contradiction(models.TextChoices):
        """What said otherwise afterwards."""

        CALLBACK = "callback", _("a callback on its secret address names a task")
        ANSWER = "answer", _("EvoLink's own answer came late and names a task")
        TASK = "task", _("the task list has a task of that model and moment")
        BALANCE = "balance", _("the balance fell by more than the book explains")

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="decisions")
    kind = models.CharField(max_length=7, choices=Kind.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reason = models.CharField(max_length=300, blank=True)
    decided_at = models.DateTimeField()
    task_id = models.CharField(max_length=128, blank=True)
    films = models.ManyToManyField(Asset, related_name="+", blank=True)
    credits_charged = CreditsField(null=True, help_text=_("What the unlinked task cost."))
    contradiction = models.CharField(max_length=8, choices=Contradiction.choices, blank=True)
    contradicted_at = models.DateTimeField(null=True)
    contradicting_task_id = models.CharField(max_length=128, blank=True)
    needs_look = models.BooleanField(default=False)
    closed_at = models.DateTimeField(null=True)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["pk"]
        indexes = [
            models.Index(
                fields=["kind", "generation"],
                name="decision_to_look_at",
                condition=Q(needs_look=True),
            ),
            models.Index(fields=["kind", "decided_at"], name="decision_by_kind"),
            models.Index(fields=["task_id"], name="decision_by_task"),
        ]

    def __str__(self) -> str:
        return f"{self.generation_id} {self.kind}"


class ChangeFeed(models.Model):
    """Counts the changes of one person's generations; a page asks for those since version N."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="feed"
    )
    version = models.PositiveBigIntegerField(default=0)
    credits_version = models.PositiveBigIntegerField(
        default=0, help_text=_("Counts the changes that may have touched credits.")
    )

    class Meta:
        verbose_name = _("feed")

    def __str__(self) -> str:
        return f"{self.owner_id}: {self.version}"


UNNAMED_PAGE = uuid.UUID(int=0)  # a form that says no key of its page


class Draft(models.Model):
    """What a person typed for one AI model on one page and has not submitted.

    Each open page has a draft of its own; a later visit begins with the newest.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="drafts"
    )
    model_id = models.CharField(max_length=100)
    page_key = models.UUIDField(default=UNNAMED_PAGE)
    values = TolerantJSONField()
    saved_at = models.DateTimeField()

    class Meta:
        verbose_name = _("draft")
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "model_id", "page_key"], name="one_draft_per_page"
            )
        ]

    def __str__(self) -> str:
        return f"{self.owner_id} {self.model_id}"


MAX_HEARTBEAT_AGE = timedelta(seconds=30)
# With less a worker sends nothing: a film that cannot be saved must not be paid for.
MIN_FREE_DISK_BYTES = 300 * 1024 * 1024


def is_worker_alive(seen_at: datetime | None, now: datetime) -> bool:
    """Whether a worker was seen within MAX_HEARTBEAT_AGE."""
    return seen_at is not None and now - seen_at <= MAX_HEARTBEAT_AGE


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    """Heartbeats by what they say."""

    def alive(self, now: datetime) -> "HeartbeatQuerySet":
        """Those of workers that were seen within MAX_HEARTBEAT_AGE."""
        return self.filter(seen_at__gte=now - MAX_HEARTBEAT_AGE)

    def with_space(self) -> "HeartbeatQuerySet":
        """Those of workers whose disk has space for another film."""
        return self.filter(disk_free_bytes__gte=MIN_FREE_DISK_BYTES)


class Heartbeat(models.Model):
    """When a worker was last alive, and the free space of its disk."""

    worker = models.CharField(max_length=100, primary_key=True)
    seen_at = models.DateTimeField()
    disk_free_bytes = models.PositiveBigIntegerField(help_text=_("bytes"))

    objects = HeartbeatQuerySet.as_manager()

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return self.worker

    @property
    def has_space(self) -> bool:
        """Whether its disk has space for another film."""
        return self.disk_free_bytes >= MIN_FREE_DISK_BYTES

    def is_alive(self, now: datetime) -> bool:
        """Whether the worker was seen within MAX_HEARTBEAT_AGE."""
        return is_worker_alive(self.seen_at, now)
