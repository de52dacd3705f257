"""What pressing the button will cost, said on the button."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

from django.utils.translation import gettext as _

from evolink_studio.accounts.models import User
from evolink_studio.catalog import SPECS
from evolink_studio.catalog.spec import FormEvaluation, Lifecycle, ModelSpec
from evolink_studio.core.formatting import format_credits
from evolink_studio.credits import pricing
from evolink_studio.credits.availability import Availability, check_availability
from evolink_studio.credits.exceptions import SpendingDenied
from evolink_studio.credits.models import ProviderAccount, RateCard
from evolink_studio.credits.presenters import AllowanceSummary, summarize_allowances
from evolink_studio.credits.pricing import (
    CheaperOption,
    Estimate,
    best_cheaper_option,
    cheaper_options,
)
from evolink_studio.credits.queries import current_rate_card
from evolink_studio.generations import models


def key_rejected_text() -> str:
    """Also the reason on the button."""
    return _("EvoLink does not accept this studio's key, so nothing is sent. Tell the owner.")


def find_blocked_reason(
    spec: ModelSpec, account: ProviderAccount, disk_free_bytes: int | None
) -> str:
    """Why nothing can be sent now; "" when it can."""
    if account.key_state == ProviderAccount.KeyState.REJECTED:
        return key_rejected_text()
    if spec.lifecycle is Lifecycle.RETIRED:
        return _("This model is retired. Choose another one.")
    if disk_free_bytes is not None and disk_free_bytes < models.MIN_FREE_DISK_BYTES:
        return _("This server's disk is nearly full, so a film could not be kept. Nothing is sent.")
    return ""


@dataclass(frozen=True)
class PriceQuote:
    """`credits_estimated` is None when price or length is open; `max_credits` is the worst case
    then.

    `button_label` is the button, `button_note` its second line. `blocked_reason` says why nothing
    can be sent. Where an allowance refuses, `denial` says so at length, and `cheaper_hint` which
    setting would help. `allowance_summary` is None for who has no limit. `denied_model_ids` are
    the models that an allowance leaves out.
    """

    credits_estimated: Decimal | None
    max_credits: Decimal | None
    estimate_text: str
    remaining_text: str
    button_label: str
    note: str
    button_note: str = ""
    warning: str = ""
    cheaper_hint: str = ""
    blocked_reason: str = ""
    denial: SpendingDenied | None = None
    allowance_summary: AllowanceSummary | None = None
    denied_model_ids: frozenset[str] = frozenset()


def quote_price(
    *,
    spec: ModelSpec,
    user: User,
    evaluation: FormEvaluation,
    account: ProviderAccount,
    blocked_reason: str,
    now: datetime,
) -> PriceQuote:
    """Hold what it will take against the person's allowances and what EvoLink says is left."""
    rate_card = current_rate_card(model_id=spec.id, now=now)
    estimate = pricing.estimate_price(rate_card, evaluation.settings)
    availability = check_availability(
        user=user,
        model_id=spec.id,
        amount=estimate.credits,
        max_credits=estimate.max_credits,
        active_count=0,
        now=now,
    )
    remaining = _remaining_credits(account, availability)
    cheaper_hint = _cheaper_hint(availability, rate_card, estimate, spec, evaluation)
    denial = None if blocked_reason else availability.denial
    return PriceQuote(
        credits_estimated=estimate.credits,
        max_credits=estimate.max_credits,
        estimate_text=format_credits(estimate.credits),
        remaining_text=format_credits(remaining) if remaining is not None else "",
        button_label=_button_label(estimate, availability),
        button_note=_button_note(estimate, remaining),
        note=_note_text(rate_card, estimate, availability),
        warning=_warning_text(account, availability),
        cheaper_hint=cheaper_hint,
        blocked_reason=blocked_reason
        or (f"{denial.summary} {cheaper_hint}".strip() if denial else ""),
        denial=denial,
        allowance_summary=summarize_allowances(availability),
        denied_model_ids=frozenset(id for id in SPECS if not availability.allows_model(id)),
    )


def _remaining_credits(account: ProviderAccount, availability: Availability) -> Decimal | None:
    """What this person will have left: the smaller of the allowance and EvoLink's account."""
    limits = [
        value for value in (account.credits_available, availability.available) if value is not None
    ]
    return (
        min(limits) - availability.credits_needed
        if availability.credits_needed is not None and limits
        else None
    )


def _note_text(rate_card: RateCard | None, estimate: Estimate, availability: Availability) -> str:
    if estimate.credits is not None:
        return _("Estimate; EvoLink confirms the exact figure when it accepts.")
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
    is_short = (
        account.credits_available is not None
        and (availability.credits_needed or 0) > account.credits_available
    )
    if is_short:
        return _("EvoLink's account has fewer credits than this needs; it may refuse.")
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
) -> str:
    """Where it does not fit, the smallest change that helps; near a limit, the one that saves most.

    Nothing where the price is open: what a change saves is then not known either.
    """
    if rate_card is None or estimate.credits is None:
        return ""
    is_allowed = partial(spec.allows_value, evaluation)
    if availability.denial is not None and availability.max_allowed_credits is not None:
        best_option = best_cheaper_option(
            rate_card,
            spec,
            evaluation.settings,
            is_allowed,
            max_credits=availability.max_allowed_credits,
        )
        return _cheaper_option_text(best_option)
    if availability.alert_percents:
        options = cheaper_options(rate_card, spec, evaluation.settings, is_allowed)
        return _cheaper_option_text(options[-1] if options else None)
    return ""


def _cheaper_option_text(option: CheaperOption | None) -> str:
    if option is None:
        return ""
    return _("{setting} {value} saves {credits} credits.").format(
        setting=_(option.field_label),
        value=_(option.option_label),
        credits=format_credits(option.saved_credits),
    )


def _button_label(estimate: Estimate, availability: Availability) -> str:
    if estimate.credits is not None:
        return _("Generate · {cost} credits").format(cost=format_credits(estimate.credits))
    if not availability.credits_needed:
        return _("Generate")
    return _("Generate · at most {cost} credits").format(
        cost=format_credits(availability.credits_needed)
    )


def _button_note(estimate: Estimate, remaining: Decimal | None) -> str:
    if estimate.credits is None or remaining is None or remaining < 0:
        return ""
    return _("you will have {left} left").format(left=format_credits(remaining))
