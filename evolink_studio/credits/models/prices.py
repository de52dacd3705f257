"""Prices by date, and the account at EvoLink as last read."""

from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _


class RateCard(models.Model):
    """What one AI model costs from a day on. The newest card that has begun counts.

    It is an estimate: the authority is what EvoLink reserves and then charges.
    """

    class Unit(models.TextChoices):
        CALL = "call", _("a call")
        SECOND = "second", _("a second")

    model_id = models.CharField(_("model"), max_length=100)
    effective = models.DateTimeField(_("valid from"))
    unit = models.CharField(_("counted by"), max_length=6, choices=Unit.choices)
    price = models.DecimalField(_("credits"), max_digits=16, decimal_places=4)
    minimum = models.DecimalField(
        _("at least"), max_digits=16, decimal_places=4, default=Decimal(0)
    )
    factors = models.JSONField(
        _("factors"),
        default=list,
        blank=True,
        help_text=_(
            'What multiplies the price, the first that fits: [{"when": {"sound": "on", '
            '"quality": "720p"}, "times": "1.334"}]'
        ),
    )
    source = models.CharField(_("source"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        ordering = ["model_id", "-effective"]
        constraints = [
            models.UniqueConstraint(fields=["model_id", "effective"], name="one_price_a_moment")
        ]

    def __str__(self) -> str:
        return f"{self.model_id} {self.effective:%Y-%m-%d}"


class FarAccount(models.Model):
    """The account at EvoLink as the worker last read it: one row a far end."""

    class KeyState(models.TextChoices):
        UNKNOWN = "unknown", _("not asked yet")
        ACCEPTED = "accepted", _("accepted")
        REFUSED = "refused", _("refused")

    far_end = models.CharField(max_length=200, unique=True)
    spendable = models.DecimalField(max_digits=16, decimal_places=4, null=True)
    key_state = models.CharField(max_length=8, choices=KeyState.choices, default=KeyState.UNKNOWN)
    read = models.DateTimeField(null=True, help_text=_("Last time EvoLink answered."))
    tried = models.DateTimeField(null=True, help_text=_("Last time we asked."))
    problem = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = _("account at EvoLink")
        verbose_name_plural = _("accounts at EvoLink")

    def __str__(self) -> str:
        return self.far_end
