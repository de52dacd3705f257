"""The book of credits: what was reserved and charged, out of which purse, and since when."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, NoReturn

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from evolink_studio.credits.fields import STEP, CreditsField
from evolink_studio.credits.periods import Period, reset, start


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


ZERO = Decimal(0)


class Purse(models.Model):
    """One period of an allowance: of one person, or shared (then `person` is empty).

    A generation stays with the purse it was reserved from, however long it runs.
    """

    allowance = models.ForeignKey(
        Allowance, on_delete=models.PROTECT, related_name="purses", verbose_name=_("allowance")
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="purses",
        verbose_name=_("person"),
    )
    period = models.CharField(_("period"), max_length=5, choices=Period.choices)
    starts = models.DateField(_("since"))
    limit = CreditsField(
        _("limit"), null=True, help_text=_("As it was when something was last reserved.")
    )
    reserved = CreditsField(_("reserved"), default=ZERO)
    charged = CreditsField(_("charged"), default=ZERO)
    warned = models.PositiveSmallIntegerField(
        default=0, help_text=_("The threshold, in percent, that was last announced.")
    )

    class Meta:
        verbose_name = _("purse")
        verbose_name_plural = _("purses")
        ordering = ["-starts", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["allowance", "person", "period", "starts"],
                condition=Q(person__isnull=False),
                name="one_purse_a_person",
            ),
            models.UniqueConstraint(
                fields=["allowance", "period", "starts"],
                condition=Q(person=None),
                name="one_shared_purse",
            ),
            models.CheckConstraint(condition=Q(reserved__gte=ZERO), name="reserved_not_negative"),
            models.CheckConstraint(condition=Q(charged__gte=ZERO), name="charged_not_negative"),
        ]
        indexes = [models.Index(fields=["period", "starts"], name="purse_by_period")]

    def __str__(self) -> str:
        return f"{self.allowance} {self.starts}"

    @property
    def used(self) -> Decimal:
        """Reserved and charged together."""
        return self.reserved + self.charged

    @property
    def resets(self) -> datetime | None:
        return reset(self.period, self.starts)

    def limit_at(self, now: datetime) -> Decimal | None:
        """What could be spent: of the allowance as it is now, or as it was in a period gone by."""
        here = (self.allowance.period, self.allowance.starts(now))
        return self.allowance.amount if here == (self.period, self.starts) else self.limit


class Hold(models.Model):
    """How a generation stands with a purse. `amount` is what is held, or what was charged."""

    class State(models.TextChoices):
        HELD = "held", _("reserved")
        SETTLED = "settled", _("charged")
        RELEASED = "released", _("returned")

    generation = models.PositiveBigIntegerField(_("generation"))
    purse = models.ForeignKey(Purse, on_delete=models.PROTECT, related_name="holds")
    amount = CreditsField(_("credits"))
    state = models.CharField(max_length=8, choices=State.choices, default=State.HELD)

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        constraints = [
            models.UniqueConstraint(fields=["generation", "purse"], name="one_hold_a_purse"),
            models.CheckConstraint(condition=Q(amount__gte=ZERO), name="hold_not_negative"),
            models.CheckConstraint(
                condition=~Q(state="released") | Q(amount=ZERO), name="released_is_nothing"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.generation}: {self.amount} {self.get_state_display()}"


class EntriesAreFinal(TypeError):
    """Entries are only ever added. What was wrong is put right by another entry."""


class EntryQuerySet(models.QuerySet["Entry"]):
    """Reads and adds. The database refuses the rest as well."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise EntriesAreFinal

    def delete(self) -> NoReturn:
        raise EntriesAreFinal

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise EntriesAreFinal


class Entry(models.Model):
    """One line of the book: what a purse's reserved and charged credits changed by.

    The entries of a generation in a purse sum to what is held; in the end to what EvoLink charged,
    or to 0. `balance` is what the purse had used after this line, `limit` what it could use then.
    """

    class Kind(models.TextChoices):
        RESERVE = "reserve", _("reserved")
        ADJUST = "adjust", _("reservation changed by EvoLink")
        SETTLE = "settle", _("charged")
        RELEASE = "release", _("returned")
        CORRECT = "correct", _("corrected")

    generation = models.PositiveBigIntegerField(_("generation"))
    purse = models.ForeignKey(
        Purse, on_delete=models.PROTECT, related_name="entries", verbose_name=_("purse")
    )
    kind = models.CharField(_("kind"), max_length=7, choices=Kind.choices)
    reserved = CreditsField(_("change of reserved"), default=ZERO)
    charged = CreditsField(_("change of charged"), default=ZERO)
    balance = CreditsField(_("used afterwards"))
    limit = CreditsField(_("limit at that moment"), null=True)
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("by"),
        help_text=_("The person who decided it; empty when the studio did."),
    )
    note = models.CharField(_("note"), max_length=300, blank=True)

    objects = EntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["generation", "purse"],
                condition=Q(kind="reserve"),
                name="reserved_once",
            ),
            models.UniqueConstraint(
                fields=["generation", "purse"],
                condition=Q(kind__in=["settle", "release"]),
                name="ended_once",
            ),
            # The heart of it: nothing is ever reserved beyond the limit, whoever wrote the line.
            models.CheckConstraint(
                condition=~Q(kind="reserve") | Q(limit__isnull=True) | Q(balance__lte=F("limit")),
                name="never_oversold",
            ),
            models.CheckConstraint(
                condition=Q(kind="reserve", charged=ZERO, reserved__gte=ZERO)
                | Q(kind="adjust", charged=ZERO)
                | Q(kind="settle", reserved__lte=ZERO, charged__gte=ZERO)
                | Q(kind="release", charged=ZERO, reserved__lte=ZERO)
                | Q(kind="correct", reserved=ZERO),
                name="entry_does_what_it_says",
            ),
        ]
        indexes = [
            models.Index(fields=["generation"], name="entry_by_generation"),
            models.Index(fields=["-at"], name="entry_newest"),
        ]

    def __str__(self) -> str:
        return f"#{self.generation}: {self.get_kind_display()} {self.amount}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise EntriesAreFinal
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise EntriesAreFinal

    @property
    def amount(self) -> Decimal:
        """What this line changed in all."""
        return self.reserved + self.charged


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
