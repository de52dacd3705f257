"""What people may spend."""

from datetime import date, datetime

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from evolink_studio.credits.fields import STEP, CreditsField
from evolink_studio.credits.periods import Period, start


class Allowance(models.Model):
    """What one person, every member of a group, or everybody may spend in a period.

    Everything that applies to a person must have room:

    - their own allowances, and those that their groups give each member;
    - only when there is none of these: what everybody is given;
    - always: the pots their groups share, and the pot that the whole studio shares.

    A person to whom nothing applies may not spend at all.
    """

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="allowances",
        verbose_name=_("person"),
        help_text=_("Leave person and group empty for everybody."),
    )
    group = models.ForeignKey(
        Group,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="allowances",
        verbose_name=_("group"),
    )
    shared = models.BooleanField(
        _("one pot for all of them"),
        default=False,
        help_text=_("Otherwise each of them may spend this amount."),
    )
    amount = CreditsField(
        _("credits"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Empty: no limit."),
    )
    period = models.CharField(
        _("period"), max_length=5, choices=Period.choices, default=Period.MONTH
    )
    per_generation = CreditsField(
        _("at most for one generation"),
        null=True,
        blank=True,
        validators=[MinValueValidator(STEP)],
        help_text=_("Credits. Empty: no limit."),
    )
    at_once = models.PositiveSmallIntegerField(
        _("generations of one person at once"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Empty: no limit."),
    )
    model_ids = models.JSONField(
        _("models"), default=list, blank=True, help_text=_("None chosen: all of them.")
    )
    unknown_price = CreditsField(
        _("reserve when the price is not known"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Credits; choose the worst case. Empty: such a generation is refused."),
    )
    active = models.BooleanField(
        _("in force"),
        default=True,
        help_text=_("Switched off, it keeps its history and lets nobody spend."),
    )

    class Meta:
        verbose_name = _("allowance")
        verbose_name_plural = _("allowances")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(person=None) | Q(group=None),
                name="for_one_kind",
                violation_error_message=_("Choose a person or a group, not both."),
            ),
            models.CheckConstraint(
                condition=Q(person=None) | Q(shared=False),
                name="shared_by_several",
                violation_error_message=_("One person shares with nobody."),
            ),
            models.UniqueConstraint(
                fields=["person", "period"],
                condition=Q(person__isnull=False),
                name="one_for_a_person",
                violation_error_message=_("This person has an allowance for this period already."),
            ),
            models.UniqueConstraint(
                fields=["group", "shared", "period"],
                condition=Q(group__isnull=False),
                name="one_for_a_group",
                violation_error_message=_("This group has an allowance for this period already."),
            ),
            models.UniqueConstraint(
                fields=["shared", "period"],
                condition=Q(person=None, group=None),
                name="one_for_everybody",
                violation_error_message=_("Everybody has an allowance for this period already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.whose}: {self.get_period_display()}"

    @property
    def whose(self) -> str:
        """The person, the group or "everybody", in the reader's language."""
        if self.person_id:
            return str(self.person)
        return str(self.group) if self.group_id else str(_("everybody"))

    @property
    def for_everybody(self) -> bool:
        return self.person_id is None and self.group_id is None

    def starts(self, now: datetime) -> date:
        """The first day of its present period."""
        return start(self.period, now)

    def purse_of(self, person_id: int) -> int | None:
        """Whose purse a person spends from: their own, or (None) the one that is shared."""
        return None if self.shared else person_id
