"""Shares: a link under which a guest without an account sees certain films and answers to them."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from evolink_studio.generations.models import Generation


class Share(models.Model):
    """A link to one film, or to several that are compared. Only the hash of its token is stored.

    Nothing but the films in `films` is reachable with it, and those only while it is open.
    """

    class Verdict(models.TextChoices):
        """What the guest decided last; empty until then."""

        APPROVED = "approved", _("approved")
        CHANGES = "changes", _("changes wanted")

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


class SharedFilm(models.Model):
    """A film of a share, and its place among them."""

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
    """What a guest said about a film, at a time of it or (without `second`) as a whole."""

    share = models.ForeignKey(Share, on_delete=models.CASCADE, related_name="comments")
    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="comments")
    guest_name = models.CharField(_("name"), max_length=60)
    text = models.TextField(_("text"), blank=True)
    second = models.DecimalField(max_digits=9, decimal_places=3, null=True)
    verdict = models.CharField(max_length=8, choices=Share.Verdict.choices, blank=True)
    created_at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("comment")
        verbose_name_plural = _("comments")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.share_id} {self.guest_name}"
