"""Allowances, balances, the ledger, rate cards and the provider account."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NoReturn

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from evolink_studio.core.json_field import TolerantJSONField
from evolink_studio.credits.fields import CREDITS_QUANTUM, ZERO_CREDITS, CreditsField
from evolink_studio.credits.periods import Period, get_period_end, get_period_start


class Allowance(models.Model):
    """What one person, every member of a group, or everybody may spend in a period.

    Every allowance that applies to a person must have credits left:

    - their own allowances, and those that their groups give each member;
    - only when there is none of these: those that everybody gets;
    - always: the allowances that their groups share, and those that the whole studio shares;
    - always: the limit that the person set for themselves, which permits nothing by itself.

    A person to whom none applies may not spend at all.
    """

    user = models.ForeignKey(
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
    is_shared = models.BooleanField(
        _("one pot for all of them"),
        default=False,
        help_text=_("Otherwise each of them may spend this amount."),
    )
    credits_limit = CreditsField(
        _("credits"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Empty: no limit."),
    )
    period = models.CharField(
        _("period"), max_length=5, choices=Period.choices, default=Period.MONTH
    )
    max_credits_per_generation = CreditsField(
        _("at most for one generation"),
        null=True,
        blank=True,
        validators=[MinValueValidator(CREDITS_QUANTUM)],
        help_text=_("Credits. Empty: no limit."),
    )
    max_concurrent = models.PositiveSmallIntegerField(
        _("generations of one person at once"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Empty: no limit."),
    )
    model_ids = models.JSONField(
        _("models"), default=list, blank=True, help_text=_("None chosen: all of them.")
    )
    unknown_price_credits = CreditsField(
        _("reserve when the price is not known"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Credits; choose the worst case. Empty: such a generation is refused."),
    )
    is_own_limit = models.BooleanField(
        _("set by the person"),
        default=False,
        editable=False,
        help_text=_("A limit of their own below what they may spend."),
    )
    # Credits of that month from before the limit was set: no balance counted them.
    used_before = CreditsField(default=ZERO_CREDITS, editable=False)
    used_before_month = models.DateField(null=True, editable=False)
    is_active = models.BooleanField(
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
                condition=Q(user=None) | Q(group=None),
                name="allowance_has_one_scope",
                violation_error_message=_("Choose a person or a group, not both."),
            ),
            models.CheckConstraint(
                condition=Q(user=None) | Q(is_shared=False),
                name="shared_allowance_has_no_user",
                violation_error_message=_("One person shares with nobody."),
            ),
            models.CheckConstraint(
                condition=Q(is_own_limit=False) | Q(user__isnull=False),
                name="own_limit_has_a_user",
            ),
            models.UniqueConstraint(
                fields=["user", "is_own_limit", "period"],
                condition=Q(user__isnull=False),
                name="one_allowance_per_user",
                violation_error_message=_("This person has an allowance for this period already."),
            ),
            models.UniqueConstraint(
                fields=["group", "is_shared", "period"],
                condition=Q(group__isnull=False),
                name="one_allowance_per_group",
                violation_error_message=_("This group has an allowance for this period already."),
            ),
            models.UniqueConstraint(
                fields=["is_shared", "period"],
                condition=Q(user=None, group=None),
                name="one_allowance_for_everybody",
                violation_error_message=_("Everybody has an allowance for this period already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.holder_name}: {self.get_period_display()}"

    @property
    def holder_name(self) -> str:
        """The person, the group or "everybody", in the reader's language."""
        if self.is_own_limit:
            return _("{person} (own limit)").format(person=self.user)
        if self.user_id:
            return str(self.user)
        return str(self.group) if self.group_id else str(_("everybody"))

    @property
    def is_for_everybody(self) -> bool:
        return self.user_id is None and self.group_id is None

    def get_used_before(self, now: datetime) -> Decimal:
        """Credits of the present month that an own limit counts, though no balance does."""
        is_that_month = self.used_before_month == get_period_start(Period.MONTH, now)
        return self.used_before if is_that_month else ZERO_CREDITS

    def get_limit(self, now: datetime) -> Decimal | None:
        """What its current balance may hold, in credits; None without a limit."""
        if self.credits_limit is None:
            return None
        return max(ZERO_CREDITS, self.credits_limit - self.get_used_before(now))

    def current_period_start(self, now: datetime) -> date:
        """The first day of the current period."""
        return get_period_start(self.period, now)

    def balance_user_id(self, user_id: int) -> int | None:
        """The `user_id` of the balance that a person spends from; None for the shared one."""
        return None if self.is_shared else user_id


class AllowanceBalance(models.Model):
    """One period of an allowance: of one person, or shared (then `user` is empty).

    A generation stays with the balance it was reserved from, however long it runs.
    """

    allowance = models.ForeignKey(
        Allowance, on_delete=models.PROTECT, related_name="balances", verbose_name=_("allowance")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="allowance_balances",
        verbose_name=_("person"),
    )
    period = models.CharField(_("period"), max_length=5, choices=Period.choices)
    period_start = models.DateField(_("since"))
    credits_limit = CreditsField(
        _("limit"), null=True, help_text=_("As it was when something was last reserved.")
    )
    credits_reserved = CreditsField(_("reserved"), default=ZERO_CREDITS)
    credits_charged = CreditsField(_("charged"), default=ZERO_CREDITS)
    alerted_percent = models.PositiveSmallIntegerField(
        default=0, help_text=_("The threshold, in percent, that was last announced.")
    )

    class Meta:
        verbose_name = _("purse")
        verbose_name_plural = _("purses")
        ordering = ["-period_start", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["allowance", "user", "period", "period_start"],
                condition=Q(user__isnull=False),
                name="one_balance_per_user",
            ),
            models.UniqueConstraint(
                fields=["allowance", "period", "period_start"],
                condition=Q(user=None),
                name="one_shared_balance",
            ),
            models.CheckConstraint(
                condition=Q(credits_reserved__gte=ZERO_CREDITS), name="reserved_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(credits_charged__gte=ZERO_CREDITS), name="charged_not_negative"
            ),
        ]
        indexes = [
            models.Index(fields=["period", "period_start"], name="balance_by_period"),
            models.Index(fields=["-period_start", "-id"], name="balance_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.allowance} {self.period_start}"

    @property
    def credits_used(self) -> Decimal:
        """Reserved and charged together."""
        return self.credits_reserved + self.credits_charged

    @property
    def resets_at(self) -> datetime | None:
        return get_period_end(self.period, self.period_start)

    def effective_limit(self, now: datetime) -> Decimal | None:
        """The allowance's limit in the current period; for a past period, the limit of then."""
        current_period = (self.allowance.period, self.allowance.current_period_start(now))
        return (
            self.allowance.get_limit(now)
            if current_period == (self.period, self.period_start)
            else self.credits_limit
        )


class Reservation(models.Model):
    """One generation in one balance. `credits` is what is reserved, or what was charged."""

    class State(models.TextChoices):
        RESERVED = "reserved", _("reserved")
        SETTLED = "settled", _("charged")
        RELEASED = "released", _("returned")

    generation_id = models.PositiveBigIntegerField(_("generation"))
    balance = models.ForeignKey(
        AllowanceBalance, on_delete=models.PROTECT, related_name="reservations"
    )
    credits = CreditsField(_("credits"))
    state = models.CharField(max_length=8, choices=State.choices, default=State.RESERVED)
    round = models.PositiveSmallIntegerField(
        default=0, help_text=_("How often it was opened again after its end.")
    )

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        constraints = [
            models.UniqueConstraint(
                fields=["generation_id", "balance"], name="one_reservation_per_balance"
            ),
            models.CheckConstraint(
                condition=Q(credits__gte=ZERO_CREDITS), name="reservation_not_negative"
            ),
            models.CheckConstraint(
                condition=~Q(state="released") | Q(credits=ZERO_CREDITS),
                name="released_reservation_is_zero",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.generation_id}: {self.credits} {self.get_state_display()}"


class ImmutableEntryError(TypeError):
    """Entries are only ever added. A wrong one is corrected by another entry."""


class LedgerEntryQuerySet(models.QuerySet["LedgerEntry"]):
    """Allows reading and adding only; database triggers refuse the rest as well."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise ImmutableEntryError

    def delete(self) -> NoReturn:
        raise ImmutableEntryError

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ImmutableEntryError


class LedgerEntry(models.Model):
    """One entry of the ledger: the changes of a balance's reserved and charged credits.

    The entries of a generation in a balance sum to what is reserved; in the end to what EvoLink
    charged, or to 0. `credits_used_after` is what the balance had used after this entry,
    `credits_limit` its limit then. A decision that was taken back opens the reservation again: the
    next `round` begins, which ends by a settlement or a release of its own.
    """

    class Kind(models.TextChoices):
        RESERVE = "reserve", _("reserved")
        ADJUST = "adjust", _("reservation changed by EvoLink")
        SETTLE = "settle", _("charged")
        RELEASE = "release", _("returned")
        CORRECT = "correct", _("corrected")
        REOPEN = "reopen", _("opened again")

    generation_id = models.PositiveBigIntegerField(_("generation"))
    balance = models.ForeignKey(
        AllowanceBalance, on_delete=models.PROTECT, related_name="entries", verbose_name=_("purse")
    )
    kind = models.CharField(_("kind"), max_length=7, choices=Kind.choices)
    credits_reserved_delta = CreditsField(_("change of reserved"), default=ZERO_CREDITS)
    credits_charged_delta = CreditsField(_("change of charged"), default=ZERO_CREDITS)
    credits_used_after = CreditsField(_("used afterwards"))
    credits_limit = CreditsField(_("limit at that moment"), null=True)
    created_at = models.DateTimeField(_("at"))
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("by"),
        help_text=_("The person who decided it; empty when the studio did."),
    )
    note = models.CharField(_("note"), max_length=300, blank=True)
    round = models.PositiveSmallIntegerField(
        default=0, help_text=_("How often it had been opened again by then.")
    )

    objects = LedgerEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["generation_id", "balance"],
                condition=Q(kind="reserve"),
                name="entry_reserves_once",
            ),
            models.UniqueConstraint(
                fields=["generation_id", "balance", "round"],
                condition=Q(kind__in=["settle", "release"]),
                name="entry_ends_once_a_round",
            ),
            models.UniqueConstraint(
                fields=["generation_id", "balance", "round"],
                condition=Q(kind="reopen"),
                name="entry_reopens_once_a_round",
            ),
            # Nothing is ever reserved beyond the limit, whichever code writes the entry.
            models.CheckConstraint(
                condition=~Q(kind="reserve")
                | Q(credits_limit__isnull=True)
                | Q(credits_used_after__lte=F("credits_limit")),
                name="entry_within_limit",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind="reserve",
                    credits_charged_delta=ZERO_CREDITS,
                    credits_reserved_delta__gte=ZERO_CREDITS,
                )
                | Q(kind="adjust", credits_charged_delta=ZERO_CREDITS)
                | Q(
                    kind="settle",
                    credits_reserved_delta__lte=ZERO_CREDITS,
                    credits_charged_delta__gte=ZERO_CREDITS,
                )
                | Q(
                    kind="release",
                    credits_charged_delta=ZERO_CREDITS,
                    credits_reserved_delta__lte=ZERO_CREDITS,
                )
                | Q(kind="correct", credits_reserved_delta=ZERO_CREDITS)
                | Q(
                    kind="reopen",
                    round__gt=0,
                    credits_reserved_delta__gte=ZERO_CREDITS,
                    credits_charged_delta__lte=ZERO_CREDITS,
                ),
                name="entry_kind_matches_deltas",
            ),
        ]
        indexes = [
            models.Index(fields=["generation_id"], name="entry_by_generation"),
            models.Index(fields=["-created_at"], name="entry_newest"),
            # The audit reads purse by purse, each in the order of its entries.
            models.Index(fields=["balance", "id"], name="entry_by_balance"),
            # The list of the admin pages: by kind, by purse, by note.
            models.Index(fields=["kind", "-created_at", "-id"], name="entry_by_kind"),
            models.Index(fields=["balance", "-created_at", "-id"], name="entry_newest_of_balance"),
            models.Index(
                fields=["-created_at", "-id"], name="entry_with_note", condition=~Q(note="")
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.generation_id}: {self.get_kind_display()} {self.credits_delta}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ImmutableEntryError
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ImmutableEntryError

    @property
    def credits_delta(self) -> Decimal:
        """The change of reserved and charged credits together."""
        return self.credits_reserved_delta + self.credits_charged_delta


class RateCard(models.Model):
    """The price of one AI model from `effective_at` on. The newest card in effect applies.

    It serves for estimates: what EvoLink reserves and then charges is authoritative.
    """

    class Unit(models.TextChoices):
        CALL = "call", _("a call")
        SECOND = "second", _("a second")

    model_id = models.CharField(_("model"), max_length=100)
    effective_at = models.DateTimeField(_("valid from"))
    unit = models.CharField(_("counted by"), max_length=6, choices=Unit.choices)
    credits_per_unit = CreditsField(_("credits"))
    minimum_credits = CreditsField(_("at least"), default=Decimal(0))
    factors = TolerantJSONField(
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
        ordering = ["model_id", "-effective_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["model_id", "effective_at"], name="one_rate_card_per_moment"
            )
        ]

    def __str__(self) -> str:
        return f"{self.model_id} {self.effective_at:%Y-%m-%d}"


class BalanceError(StrEnum):
    """Why the balance could not be read: stored in `ProviderAccount.last_error`."""

    KEY_REJECTED = "key refused"
    REQUEST_REJECTED = "request refused"
    RATE_LIMITED = "rate limited"
    UNAVAILABLE = "unavailable"


class ProviderAccount(models.Model):
    """The account at EvoLink as the worker last read it: one row per provider."""

    class KeyState(models.TextChoices):
        UNKNOWN = "unknown", _("not asked yet")
        ACCEPTED = "accepted", _("accepted")
        REJECTED = "refused", _("refused")

    provider_key = models.CharField(max_length=200, unique=True)
    credits_available = CreditsField(null=True)
    key_state = models.CharField(max_length=8, choices=KeyState.choices, default=KeyState.UNKNOWN)
    read_at = models.DateTimeField(null=True, help_text=_("Last time EvoLink answered."))
    tried_at = models.DateTimeField(null=True, help_text=_("Last time we asked."))
    last_error = models.CharField(max_length=200, blank=True)

    # Reserved in the studio for what EvoLink has yet to take. Not stored: who reads it, sets it.
    credits_outstanding: Decimal = ZERO_CREDITS

    class Meta:
        verbose_name = _("account at EvoLink")
        verbose_name_plural = _("accounts at EvoLink")

    def __str__(self) -> str:
        return self.provider_key

    @property
    def credits_free(self) -> Decimal | None:
        """What is left of the balance once all that waits is sent; None before the first read."""
        if self.credits_available is None:
            return None
        return self.credits_available - self.credits_outstanding


class BalanceReading(models.Model):
    """The account at EvoLink at one moment of the last days, to hold decisions against.

    `credits_used` is what EvoLink says was ever used, by this key where it says so.
    """

    provider_key = models.CharField(max_length=200)
    read_at = models.DateTimeField()
    credits_available = CreditsField()
    credits_used = CreditsField(null=True)

    class Meta:
        verbose_name = _("reading of the balance")
        verbose_name_plural = _("readings of the balance")
        indexes = [models.Index(fields=["provider_key", "read_at"], name="reading_by_moment")]

    def __str__(self) -> str:
        return f"{self.read_at:%Y-%m-%d %H:%M:%S}: {self.credits_available}"
