"""How a person wants to be told, and what is still to be told by mail or webhook."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class NotificationSettings(models.Model):
    """How one person is told that a film is ready or failed.

    In the quiet hours (local times of `time_zone`; from after until: over midnight) mail and
    webhooks wait, and the page is silent.
    """

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="notification_settings",
    )
    in_browser = models.BooleanField(_("notification of the browser"), default=False)
    with_sound = models.BooleanField(_("sound"), default=False)
    by_mail = models.BooleanField(_("e-mail"), default=False)
    webhook_url = models.URLField(_("webhook"), max_length=500, blank=True)
    webhook_secret = models.CharField(
        max_length=64, blank=True, help_text=_("What a webhook is signed with.")
    )
    webhook_failure = models.CharField(
        max_length=200, blank=True, help_text=_("Why the last webhook did not arrive.")
    )
    quiet_from = models.TimeField(_("quiet from"), null=True, blank=True)
    quiet_until = models.TimeField(_("quiet until"), null=True, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=60, default="UTC")

    class Meta:
        verbose_name = _("notification settings")
        verbose_name_plural = _("notification settings")

    def __str__(self) -> str:
        return str(self.owner_id)


class Notification(models.Model):
    """One thing to be told on one channel. A lease moves `next_attempt_at` into the future.

    It is deleted some days after it was delivered or given up.
    """

    class Channel(models.TextChoices):
        MAIL = "mail", _("e-mail")
        WEBHOOK = "webhook", _("webhook")

    class Kind(models.TextChoices):
        FINISHED = "finished", _("finished")
        FAILED = "failed", _("failed")
        ANSWERED = "answered", _("a guest answered")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications"
    )
    channel = models.CharField(max_length=7, choices=Channel.choices)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    subject_id = models.PositiveBigIntegerField(
        help_text=_("The generation, or the share that was answered.")
    )
    event_id = models.UUIDField(
        default=uuid.uuid4, help_text=_("By which a webhook knows what it has had already.")
    )
    created_at = models.DateTimeField(_("created"))
    delivered_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(null=True)
    lease_id = models.UUIDField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    failure = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="notification_due",
                condition=Q(next_attempt_at__isnull=False),
            ),
            models.Index(
                fields=["owner", "channel", "-delivered_at"], name="notification_delivered"
            ),
            models.Index(fields=["created_at"], name="notification_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.kind} {self.subject_id}"
