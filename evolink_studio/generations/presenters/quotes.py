"""The price quote on the Generate button."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property, partial

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evolink_studio.accounts.models import User
from evolink_studio.catalog import SPECS
from evolink_studio.catalog.spec import FormEvaluation, Lifecycle, ModelSpec
from evolink_studio.core.formatting import format_credits
from evolink_studio.credits import pricing
from evolink_studio.credits.availability import Availability, check_availability
from evolink_studio.credits.exceptions import AllowanceExceeded, SpendingDenied
from evolink_studio.credits.fields import ZERO_CREDITS
from evolink_studio.credits.models import ProviderAccount, RateCard
from evolink_studio.credits.presenters import (
    AllowanceSummary,
    describe_shortage,
    summarize_allowances,
)
from evolink_studio.credits.pricing import (
    CheaperOption,
    Estimate,
    find_best_cheaper_option,
    list_cheaper_options,
)
from evolink_studio.credits.queries import get_current_rate_card
from evolink_studio.generations.models import MAX_TAKES
from evolink_studio.generations.queries import get_current_provider_account


def build_key_rejected_text() -> str:
    """The text of a rejected API key, for the banner and the button."""
    return _("EvoLink does not accept this studio's key, so nothing is sent. Tell the owner.")


def find_service_problem(spec: ModelSpec, account: ProviderAccount, *, has_disk_space: bool) -> str:
    """Why nobody can send anything to this model now; "" if they can."""
    if account.key_state == ProviderAccount.KeyState.REJECTED:
        return build_key_rejected_text()
    if spec.lifecycle is Lifecycle.RETIRED:
        return _("This model is retired. Choose another one.")
    if not has_disk_space:
        return _("This server's disk is nearly full, so a film could not be kept. Nothing is sent.")
    return ""


@dataclass(frozen=True)
class PriceQuote:
    """What a press will cost, compared with allowances and EvoLink's balance.

    `estimate` is that of one generation, of which the press makes `takes`.
    Its texts are built on access: a successful submission needs none.
    """

    spec: ModelSpec
    evaluation: FormEvaluation
    account: ProviderAccount
    rate_card: RateCard | None
    estimate: Estimate
    availability: Availability
    service_problem: str  # why nobody can send anything now; "" if they can
    has_invalid_values: bool = False  # something entered is refused: then there is no price
    takes: int = 1

    @property
    def denial(self) -> SpendingDenied | None:
        """Why an allowance refuses it; None if not, or with a `service_problem`."""
        return None if self.service_problem else self.availability.denial

    @property
    def is_blocked(self) -> bool:
        """Whether it cannot be sent."""
        return bool(self.service_problem) or self.denial is not None

    @cached_property
    def blocked_reason(self) -> str:
        """Why it cannot be sent; "" if it can."""
        denial_text = f"{self.denial.summary} {self.cheaper_hint}".strip() if self.denial else ""
        return self.service_problem or denial_text

    @property
    def button_label(self) -> str:
        """The text of the button."""
        return _button_label(self.estimate, self.availability, self.takes)

    @property
    def button_note(self) -> str:
        """The second line of the button: the credits left afterwards."""
        return _button_note(self.estimate, _remaining_credits(self.account, self.availability))

    @property
    def note(self) -> str:
        """How certain the price is."""
        if self.has_invalid_values:
            return _("No price yet: what is marked above cannot be sent as it is.")
        return _note_text(self.rate_card, self.estimate, self.availability)

    @cached_property
    def warning(self) -> str:
        """That credits are running low; "" if not."""
        return "" if self.has_invalid_values else _warning_text(self.account, self.availability)

    @cached_property
    def cheaper_hint(self) -> str:
        """How many takes would fit, or which setting would cost less; "" if that does not help."""
        hints = (
            _fewer_takes_hint(self.availability, self.takes),
            _cheaper_hint(
                self.availability,
                self.rate_card,
                self.estimate,
                self.spec,
                self.evaluation,
                self.takes,
            ),
        )
        return " ".join(hint for hint in hints if hint)

    @property
    def takes_choices(self) -> tuple[int, ...]:
        """The numbers of takes to choose from; () where nothing can be sent whatever the number."""
        is_about_credits = isinstance(self.denial, AllowanceExceeded | None)
        if self.service_problem or not is_about_credits:
            return ()
        return tuple(range(1, MAX_TAKES + 1))

    @cached_property
    def allowance_summary(self) -> AllowanceSummary | None:
        """The state of the person's allowance; None without a limit."""
        return summarize_allowances(self.availability)

    @property
    def denied_model_ids(self) -> frozenset[str]:
        """Ids of the models that no allowance permits."""
        return frozenset(
            model_id for model_id in SPECS if not self.availability.allows_model(model_id)
        )


def quote_price(
    *,
    spec: ModelSpec,
    user: User,
    evaluation: FormEvaluation,
    account: ProviderAccount,
    service_problem: str,
    has_invalid_values: bool,
    takes: int = 1,
    now: datetime,
) -> PriceQuote:
    """The price of a form, and whether this person may spend it. Three to four queries.

    With `has_invalid_values` there is no price, and nothing to compare with the allowances.
    """
    rate_card = get_current_rate_card(model_id=spec.id, now=now)
    estimate = (
        Estimate(None)
        if has_invalid_values
        else pricing.estimate_price(rate_card, evaluation.values)
    )
    availability = check_availability(
        user=user,
        model_id=spec.id,
        amount=ZERO_CREDITS if has_invalid_values else estimate.credits,
        max_credits=estimate.max_credits,
        count=takes,
        now=now,
    )
    return PriceQuote(
        spec=spec,
        evaluation=evaluation,
        account=account,
        rate_card=rate_card,
        estimate=estimate,
        availability=availability,
        service_problem=service_problem,
        has_invalid_values=has_invalid_values,
        takes=takes,
    )


def quote_next_press(quote: PriceQuote, *, user: User, now: datetime) -> PriceQuote:
    """The quote of the same form once its credits are reserved: what is left is read again. Two
    queries, or three when it is no longer enough.

    It is that of one take: several are a decision about one press, not about those after it.
    """
    availability = check_availability(
        user=user,
        model_id=quote.spec.id,
        amount=quote.estimate.credits,
        max_credits=quote.estimate.max_credits,
        count=1,
        now=now,
        allowances=[status.allowance for status in quote.availability.statuses],
    )
    account = get_current_provider_account()
    return replace(quote, account=account, availability=availability, takes=1)


def _remaining_credits(account: ProviderAccount, availability: Availability) -> Decimal | None:
    """Credits left afterwards, of the allowance or EvoLink's account, whichever has less.

    Neither counts what is reserved already: the allowance for this person, the account for anybody.
    """
    limits = [
        value for value in (account.credits_free, availability.available) if value is not None
    ]
    return (
        min(limits) - availability.credits_needed
        if availability.credits_needed is not None and limits
        else None
    )


def _note_text(rate_card: RateCard | None, estimate: Estimate, availability: Availability) -> str:
    if estimate.credits is not None:
        return _("Estimate; EvoLink confirms it.")
    text = (
        _("How long the film gets is open; EvoLink names its price when it accepts.")
        if rate_card
        else _("No price is known for this model; EvoLink names it when it accepts.")
    )
    if not availability.credits_needed:
        return text
    reserved_text = _("Until then {n} credits are reserved.").format(
        n=format_credits(availability.credits_needed)
    )
    return f"{text} {reserved_text}"


def _warning_text(account: ProviderAccount, availability: Availability) -> str:
    if shortage := describe_shortage(account, availability.credits_needed or ZERO_CREDITS):
        return shortage
    if availability.is_allowed and availability.alert_percents:
        percent = max(availability.alert_percents)
        return _("With this, {percent} % of your allowance is used.").format(percent=percent)
    return ""


def _cheaper_hint(
    availability: Availability,
    rate_card: RateCard | None,
    estimate: Estimate,
    spec: ModelSpec,
    evaluation: FormEvaluation,
    takes: int,
) -> str:
    """If it is denied, the smallest change that helps; near a limit, the one that saves most.

    "" if the price is not known: then savings are not known either.
    """
    if rate_card is None or estimate.credits is None:
        return ""
    is_allowed = partial(spec.allows_value, evaluation)
    if availability.denial is not None and availability.max_allowed_credits is not None:
        best_option = find_best_cheaper_option(
            rate_card,
            spec,
            evaluation.values,
            is_allowed,
            max_credits=availability.max_allowed_credits,
        )
        return _cheaper_option_text(best_option, takes)
    if availability.alert_percents:
        options = list_cheaper_options(rate_card, spec, evaluation.values, is_allowed)
        return _cheaper_option_text(options[-1] if options else None, takes)
    return ""


def _fewer_takes_hint(availability: Availability, takes: int) -> str:
    """How many takes the credits left would pay for, if not all, but one or more."""
    needed, available = availability.credits_needed, availability.available
    if takes == 1 or not needed or available is None or availability.denial is None:
        return ""
    fitting_count = int(available * takes / needed)
    if not fitting_count:
        return ""
    return ngettext(
        "The credits left are enough for {n} take.",
        "The credits left are enough for {n} takes.",
        fitting_count,
    ).format(n=fitting_count)


def _cheaper_option_text(option: CheaperOption | None, takes: int) -> str:
    if option is None:
        return ""
    return _("{setting} {value} saves {credits} credits.").format(
        setting=_(option.field_label),
        value=_(option.option_label),
        credits=format_credits(takes * option.saved_credits),
    )


def _button_label(estimate: Estimate, availability: Availability, takes: int) -> str:
    """Of several takes the count, the price of each and the sum."""
    needed = availability.credits_needed
    if estimate.credits is not None:
        cost = format_credits(takes * estimate.credits)
        if takes == 1:
            return _("Generate · {cost} credits").format(cost=cost)
        return _("Generate · {takes} × {each} = {cost} credits").format(
            takes=takes, each=format_credits(estimate.credits), cost=cost
        )
    if not needed:
        return _("Generate") if takes == 1 else _("Generate · {takes} takes").format(takes=takes)
    if takes == 1:
        return _("Generate · at most {cost} credits").format(cost=format_credits(needed))
    return _("Generate · {takes} takes, at most {cost} credits").format(
        takes=takes, cost=format_credits(needed)
    )


def _button_note(estimate: Estimate, remaining: Decimal | None) -> str:
    if estimate.credits is None or remaining is None or remaining < 0:
        return ""
    return _("you will have {left} left").format(left=format_credits(remaining))
