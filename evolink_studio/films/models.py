"""How a person keeps finished generations in order, and the cuts made of them.

Title, notes, star and trash of a film are columns of its generation.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from evolink_studio.core.json_field import TolerantJSONField
from evolink_studio.core.search import FoldedTextField
from evolink_studio.generations.models import Generation


class Tag(models.Model):
    """A word that a person put on films. It is written as it was first, and one however it is."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tags"
    )
    name = models.CharField(_("name"), max_length=40)
    folded_name = FoldedTextField(source="name")
    generations = models.ManyToManyField(Generation, related_name="tags", blank=True)

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "folded_name"], name="one_tag_per_name")
        ]

    def __str__(self) -> str:
        return self.name


class Collection(models.Model):
    """Films that a person laid together. Deleting it deletes no film."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="collections"
    )
    name = models.CharField(_("name"), max_length=80)
    folded_name = FoldedTextField(source="name")
    created_at = models.DateTimeField(_("created"))
    generations = models.ManyToManyField(Generation, related_name="collections", blank=True)

    class Meta:
        verbose_name = _("collection")
        verbose_name_plural = _("collections")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "folded_name"], name="one_collection_per_name")
        ]

    def __str__(self) -> str:
        return self.name


class FilmChange(models.Model):
    """What a person did with films at once, so that it can be taken back.

    `values` says which films, and what they were before, as `services.undo_change` reads it. Only
    the newest ones of a person are kept.
    """

    class Kind(models.TextChoices):
        """What was done."""

        STAR = "star"
        UNSTAR = "unstar"
        TAG = "tag"
        UNTAG = "untag"
        COLLECT = "collect"
        UNCOLLECT = "uncollect"
        PROJECT = "project"
        TRASH = "trash"
        RESTORE = "restore"

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="film_changes"
    )
    kind = models.CharField(max_length=9, choices=Kind.choices)
    values = TolerantJSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("change of films")
        verbose_name_plural = _("changes of films")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.owner_id} {self.kind}"


class DownloadSettings(models.Model):
    """How the files that a person downloads are named."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="download_settings",
    )
    name_pattern = models.CharField(_("name of downloaded files"), max_length=120)

    class Meta:
        verbose_name = _("download settings")
        verbose_name_plural = _("download settings")

    def __str__(self) -> str:
        return self.name_pattern


class SavedView(models.Model):
    """Filters of the films page under a name; `query` is the query string of its address."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views"
    )
    name = models.CharField(_("name"), max_length=80)
    query = models.CharField(_("filters"), max_length=2000)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="one_saved_view_per_name")
        ]

    def __str__(self) -> str:
        return self.name


class Cut(models.Model):
    """Films one after the other as one film, which the worker makes.

    `parts`: a list of {"asset": pk, "from": seconds, "to": seconds or null}, in order. Once it is
    made, `generation` is the film: a completed generation that cost nothing and has no task. A
    lease moves `next_attempt_at` into the future: if its worker dies, the cut is due again.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("being made")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="cuts"
    )
    title = models.CharField(_("title"), max_length=120, blank=True)
    parts = TolerantJSONField(default=list)
    state = models.CharField(_("state"), max_length=7, choices=State.choices, default=State.WAITING)
    progress = models.PositiveSmallIntegerField(_("progress"), default=0)
    failure = models.CharField(max_length=20, blank=True)
    generation = models.OneToOneField(
        Generation, on_delete=models.CASCADE, null=True, related_name="cut"
    )
    created_at = models.DateTimeField(_("created"))
    finished_at = models.DateTimeField(_("finished"), null=True)
    next_attempt_at = models.DateTimeField(null=True)
    lease_id = models.UUIDField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("cut")
        verbose_name_plural = _("cuts")
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="cut_by_owner"),
            models.Index(
                fields=["next_attempt_at"],
                name="cut_due",
                condition=Q(next_attempt_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.title or f"#{self.pk}"


class FacetSet(models.Model):
    """Films of one person that are equal in all facets: how many there are.

    Films that have ended and are not in the trash. The database keeps it by triggers
    (`facet_sets`): no code writes it, and none can forget to. `length` is the name of a range of
    seconds, `sound` with or without; both are empty for what is not known. `project_key` is 0 for
    no project.
    """

    class Tab(models.TextChoices):
        KEPT = "kept"
        ENDED = "ended"

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    tab = models.CharField(max_length=5, choices=Tab.choices)
    model_id = models.CharField(max_length=100)
    ratio = models.CharField(max_length=12)
    length = models.CharField(max_length=6)
    sound = models.CharField(max_length=7)
    is_starred = models.BooleanField()
    project_key = models.BigIntegerField()
    film_count = models.PositiveBigIntegerField()

    class Meta:
        verbose_name = _("facets")
        constraints = [
            models.UniqueConstraint(
                fields=[
                    *("owner", "tab", "model_id", "ratio", "length", "sound"),
                    *("is_starred", "project_key"),
                ],
                name="one_facet_set_per_key",
            )
        ]

    def __str__(self) -> str:
        return f"{self.owner_id} {self.tab} {self.model_id} {self.ratio}: {self.film_count}"


class ListedFilm(models.Model):
    """In which facet set a film is. Kept by the same triggers.

    The index brings the films of one set in the order of the list, from any place on.
    """

    generation = models.OneToOneField(
        Generation, on_delete=models.CASCADE, primary_key=True, related_name="listed"
    )
    facet_set = models.ForeignKey(
        FacetSet, on_delete=models.CASCADE, related_name="films", db_index=False
    )
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("listed film")
        indexes = [
            models.Index(
                fields=["facet_set", "-created_at", "-generation"], name="listed_film_newest"
            )
        ]

    def __str__(self) -> str:
        return f"{self.generation_id} in {self.facet_set_id}"
