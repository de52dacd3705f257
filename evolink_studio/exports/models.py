"""One file that a person asked for: what is in it, how far it is, where it lies."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Export(models.Model):
    """A list as a file, made by the worker because it is too long to be answered at once.

    `query` is the query string of the page that shows the same rows; `source` names what reads
    them. A lease moves `next_attempt_at` into the future: if its worker dies, the file is due
    again, and is begun again.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("being made")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")

    class Failure(models.TextChoices):
        """Why there is no file."""

        NO_PERMISSION = (
            "permission",
            _("You may no longer see these rows, so the file was not made."),
        )
        BAD_QUERY = "query", _("These filters are not known any more. Ask again from the page.")
        DISK_FULL = (
            "disk",
            _("The studio's disk is full. Whoever runs it has to make room; then ask again."),
        )
        STORAGE_AWAY = (
            "storage",
            _("The place where files are kept could not be reached for an hour. Ask again later."),
        )
        BROKEN = "broken", _("It was begun several times and never came to its end.")

    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="exports",
        verbose_name=_("person"),
    )
    source = models.CharField(_("list"), max_length=30)
    query = models.TextField(_("filters"), blank=True)
    language = models.CharField(max_length=10)
    state = models.CharField(_("state"), max_length=7, choices=State.choices, default=State.WAITING)
    failure = models.CharField(max_length=10, choices=Failure.choices, blank=True)
    filename = models.CharField(_("file"), max_length=120)
    row_count = models.PositiveBigIntegerField(_("lines in all"), null=True)
    written_count = models.PositiveBigIntegerField(_("lines written"), default=0)
    file = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size_bytes = models.PositiveBigIntegerField(_("size"), null=True)
    requested_at = models.DateTimeField(_("asked"))
    finished_at = models.DateTimeField(_("finished"), null=True)
    downloaded_at = models.DateTimeField(null=True, help_text=_("By the person who asked."))
    expires_at = models.DateTimeField(_("kept until"), null=True)
    next_attempt_at = models.DateTimeField(null=True)
    lease_id = models.UUIDField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="export_due",
                condition=Q(next_attempt_at__isnull=False),
            ),
            models.Index(
                fields=["expires_at"], name="export_expires", condition=Q(expires_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.filename

    @property
    def is_pending(self) -> bool:
        """Whether the worker has yet to make it, or makes it now."""
        return self.state in (self.State.WAITING, self.State.RUNNING)

    @property
    def percent(self) -> int:
        """How much of it is written, of 100."""
        if self.state == self.State.READY:
            return 100
        if not self.row_count:
            return 0
        return min(99, self.written_count * 100 // self.row_count)
