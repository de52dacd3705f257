"""Shares: a link under which a guest without an account sees certain films and answers to them."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from evolink_studio.generations.models import Generation


class ShareQuerySet(models.QuerySet["Share"]):
    """Shares by what can be done with them."""

    def open(self, now: datetime) -> "ShareQuerySet":
        """Those whose link works: neither ended nor revoked, of somebody who may sign in."""
        return self.filter(revoked_at=None, expires_at__gt=now, owner__is_active=True)

    def with_new_answers(self) -> "ShareQuerySet":
        """Those with an answer that their owner has not looked at."""
        answered_shares = self.filter(answered_at__isnull=False)
        return answered_shares.filter(Q(seen_at=None) | Q(answered_at__gt=F("seen_at")))


class Share(models.Model):
    """A link to one film, or to several that are compared. Only the hash of its token is stored.

    Nothing but the films in `films` is reachable with it, and those only while it is open.
    """

    class Verdict(models.TextChoices):
        """What a guest decided; of a share, what came last. `verdicts` says what counts."""

        APPROVED = "approved", _("approved")
        CHANGES = "changes", _("changes wanted")

    class State(models.TextChoices):
        """Whether its link works."""

        OPEN = "open", _("open")
        ENDED = "ended", _("ended")
        REVOKED = "revoked", _("revoked")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="shares"
    )
    token_hash = models.CharField(max_length=64, unique=True)
    title = models.CharField(_("title"), max_length=120, blank=True)
    has_prompt = models.BooleanField(_("with prompt and settings"), default=False)
    is_comparison = models.BooleanField(default=False)
    generations = models.ManyToManyField(Generation, through="SharedFilm", related_name="shares")
    created_at = models.DateTimeField(_("created"))
    expires_at = models.DateTimeField(_("valid until"))
    revoked_at = models.DateTimeField(_("revoked"), null=True)
    verdict = models.CharField(max_length=8, choices=Verdict.choices, blank=True)
    answered_at = models.DateTimeField(_("last answer"), null=True)
    seen_at = models.DateTimeField(
        null=True, help_text=_("When its owner last looked at the answers.")
    )

    objects = ShareQuerySet.as_manager()

    class Meta:
        verbose_name = _("share")
        verbose_name_plural = _("shares")
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="share_by_owner"),
            models.Index(
                fields=["owner", "answered_at"],
                name="share_answered",
                condition=Q(answered_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.title or f"#{self.pk}"

    @property
    def has_new_answers(self) -> bool:
        """Whether there is an answer that the owner has not looked at."""
        if self.answered_at is None:
            return False
        return self.seen_at is None or self.answered_at > self.seen_at

    def get_state(self, now: datetime) -> "Share.State":
        """Whether its link works."""
        if self.revoked_at is not None:
            return self.State.REVOKED
        return self.State.OPEN if self.expires_at > now else self.State.ENDED


class SharedFilm(models.Model):
    """A film of a share; `position` counts from 1 and is its number in addresses."""

    share = models.ForeignKey(Share, on_delete=models.CASCADE, related_name="films")
    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["share", "generation"], name="shared_once"),
        ]

    def __str__(self) -> str:
        return f"{self.share_id}/{self.position}"


class Comment(models.Model):
    """What a guest said about a film, at a time of it or (without `second`) as a whole.

    Without `generation` it is about all films of the share. A press that is repeated has the same
    `press_key`, so that it is stored once.
    """

    share = models.ForeignKey(Share, on_delete=models.CASCADE, related_name="comments")
    generation = models.ForeignKey(
        Generation, on_delete=models.CASCADE, null=True, related_name="comments"
    )
    guest_name = models.CharField(_("name"), max_length=60)
    text = models.TextField(_("text"), blank=True)
    second = models.DecimalField(max_digits=9, decimal_places=3, null=True)
    verdict = models.CharField(max_length=8, choices=Share.Verdict.choices, blank=True)
    created_at = models.DateTimeField(_("at"))
    press_key = models.CharField(max_length=64, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("comment")
        verbose_name_plural = _("comments")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["share", "press_key"],
                name="answered_once",
                condition=~Q(press_key=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.share_id} {self.guest_name}"
