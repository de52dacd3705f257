"""Making a generation again: with the same settings, in better quality, on another model."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from evolink_studio.accounts.models import User
from evolink_studio.catalog import SPECS
from evolink_studio.catalog.fields import Field, Option
from evolink_studio.catalog.spec import Capability, FormEvaluation, Lifecycle, ModelSpec
from evolink_studio.core.formatting import format_credits
from evolink_studio.credits.allowances import allows_model, get_applicable_allowances
from evolink_studio.credits.exceptions import ModelNotAllowed
from evolink_studio.credits.models import RateCard
from evolink_studio.credits.pricing import DURATION_FIELD, estimate_price
from evolink_studio.credits.queries import get_current_rate_cards
from evolink_studio.generations import queries
from evolink_studio.generations.forms.controls import translate, translate_label
from evolink_studio.generations.forms.form import convert_form_data
from evolink_studio.generations.forms.parsing import FILE_NOT_IN_LIBRARY
from evolink_studio.generations.models import Generation
from evolink_studio.generations.params import FormData, has_missing_files, load_form_data
from evolink_studio.generations.presenters.failure_text import build_failure_text
from evolink_studio.generations.presenters.quotes import (
    PriceQuote,
    find_service_problem,
    quote_price,
)
from evolink_studio.generations.states import State

QUALITY_FIELD = "quality"


@dataclass(frozen=True)
class AgainOffer:
    """One more generation with the settings of an earlier one, as its button offers it.

    `quality` is the one value that differs, "" where none does; `quality_label` its name.
    `form_key` belongs to this rendering of the button.
    """

    quality: str
    quality_label: str
    form_key: uuid.UUID
    spec: ModelSpec
    form_data: FormData
    evaluation: FormEvaluation
    quote: PriceQuote

    @property
    def shown_price(self) -> str:
        """What the button says it costs, to compare with when it is pressed; "" if not known."""
        credits = self.quote.estimate.credits
        return "" if credits is None else str(credits)

    @property
    def label(self) -> str:
        """The text of the button."""
        name = _("In {quality}").format(quality=self.quality_label) if self.quality else _("Again")
        needed = self.quote.availability.credits_needed
        if self.quote.estimate.credits is not None:
            price = _("{n} credits").format(n=format_credits(self.quote.estimate.credits))
        elif needed:
            price = _("at most {n} credits").format(n=format_credits(needed))
        else:
            price = _("price not known")
        return f"{name} · {price}"

    @property
    def blocked_reason(self) -> str:
        """Why it cannot be sent; "" if it can."""
        return self.quote.blocked_reason


@dataclass(frozen=True)
class AgainMenu:
    """What can be made again of a generation. `problem` says why nothing can; "" if something.

    `is_failed`: it is another menu than the one that the card had before it failed.
    """

    id: int
    is_failed: bool
    offers: Sequence[AgainOffer]
    problem: str
    reuse_url: str

    def find_offer(self, quality: str) -> AgainOffer | None:
        """The offer with this quality; None if it is not made any more."""
        return next((offer for offer in self.offers if offer.quality == quality), None)


def present_again(user: User, generation: Generation, *, now: datetime) -> AgainMenu:
    """The offers of a generation at today's rules and prices. Up to nine queries."""
    spec = SPECS.get(generation.model_id)
    offers: list[AgainOffer] = []
    if spec is None:
        problem = _("This model is not offered any more.")
    else:
        form_data = load_form_data(spec, generation.params, generation.owner_id)
        evaluation = spec.evaluate(form_data.values)
        problem = _find_problem(spec, generation, form_data, evaluation)
        if not problem:
            offers = _build_offers(user, spec, generation, form_data, evaluation, now)
    return AgainMenu(
        id=generation.pk,
        is_failed=generation.state == State.FAILED,
        offers=offers,
        problem=problem,
        reuse_url=_build_form_url(generation, spec),
    )


def _build_form_url(generation: Generation, spec: ModelSpec | None) -> str:
    """The form of a model with the settings of a generation."""
    form_url = reverse("create", args=[spec.id if spec else next(iter(SPECS))])
    return f"{form_url}?from={generation.pk}"


def _find_problem(
    spec: ModelSpec, generation: Generation, form_data: FormData, evaluation: FormEvaluation
) -> str:
    """Why these settings cannot be sent as they are; "" if they can."""
    if has_missing_files(spec, generation.params, form_data):
        return translate(FILE_NOT_IN_LIBRARY)
    if evaluation.request is not None:
        return ""
    texts = dict.fromkeys(translate(error.message) for error in evaluation.errors)
    return _("These settings are not accepted any more: {reasons}").format(reasons=" ".join(texts))


def _build_offers(
    user: User,
    spec: ModelSpec,
    generation: Generation,
    form_data: FormData,
    evaluation: FormEvaluation,
    now: datetime,
) -> list[AgainOffer]:
    account = queries.get_current_provider_account()
    problem = find_service_problem(spec, account, has_disk_space=queries.has_disk_space(now))
    better_quality = _find_better_quality(spec, evaluation)
    variants: list[Option | None] = [None] if _may_work_again(generation) else []
    variants += [better_quality] if better_quality else []
    offers = []
    for quality in variants:
        changes = {QUALITY_FIELD: quality.value} if quality else {}
        changed_data = FormData({**form_data.values, **changes}, form_data.assets)
        changed_evaluation = spec.evaluate(changed_data.values) if quality else evaluation
        quote = quote_price(
            spec=spec,
            user=user,
            evaluation=changed_evaluation,
            account=account,
            service_problem=problem,
            has_invalid_values=False,
            now=now,
        )
        offers.append(
            AgainOffer(
                quality=str(quality.value) if quality else "",
                quality_label=translate_label(quality.label) if quality else "",
                form_key=uuid.uuid4(),
                spec=spec,
                form_data=changed_data,
                evaluation=changed_evaluation,
                quote=quote,
            )
        )
    return offers


def _may_work_again(generation: Generation) -> bool:
    """Whether the very same request may lead to a film: not what EvoLink refused for good."""
    is_failed = generation.state == State.FAILED
    return not is_failed or build_failure_text(generation.error_code).is_retryable


def _find_better_quality(spec: ModelSpec, evaluation: FormEvaluation) -> Option | None:
    """The next better quality that the rules allow with all else unchanged; None without one."""
    fields = [field for field in spec.fields if field.name == QUALITY_FIELD]
    options = fields[0].options if fields else ()
    current_value = evaluation.values.get(QUALITY_FIELD)
    values = [option.value for option in options]
    if current_value not in values:
        return None
    better_options = options[values.index(current_value) + 1 :]
    return next(
        (
            option
            for option in better_options
            if spec.allows_value(evaluation, QUALITY_FIELD, option.value)
        ),
        None,
    )


@dataclass(frozen=True)
class OtherModel:
    """Another model with the settings of a generation, converted.

    `changes` says what would be different; "" for nothing. `problem`: why it cannot be sent as it
    is, or not by this person; "" if it can.
    """

    label: str
    url: str
    price_text: str
    changes: str
    problem: str


def present_other_models(user: User, generation: Generation, *, now: datetime) -> list[OtherModel]:
    """Every model that is offered but the generation's own, in the order of the catalogue.

    Three queries, and one for each model that something would rest for.
    """
    old_spec = SPECS.get(generation.model_id)
    if old_spec is None:
        return []
    form_data = load_form_data(old_spec, generation.params, generation.owner_id)
    allowances = get_applicable_allowances(user)
    rate_cards = get_current_rate_cards(now=now)
    models = []
    for spec in SPECS.values():
        if spec is old_spec or spec.lifecycle is Lifecycle.RETIRED:
            continue
        converted_data, notes = convert_form_data(form_data, old_spec, spec, generation.owner_id)
        evaluation = spec.evaluate(converted_data.values)
        models.append(
            OtherModel(
                label=spec.label,
                url=_build_form_url(generation, spec),
                price_text=_build_price_text(rate_cards, evaluation, spec),
                changes=" ".join(
                    [*notes, *_describe_changes(old_spec, form_data, spec, evaluation)]
                ),
                problem=_find_model_problem(spec, evaluation)
                if allows_model(allowances, spec.id)
                else ModelNotAllowed(model_id=spec.id).reason,
            )
        )
    return models


def _build_price_text(
    rate_cards: Mapping[str, RateCard], evaluation: FormEvaluation, spec: ModelSpec
) -> str:
    rate_card = rate_cards.get(spec.id)
    estimate = estimate_price(rate_card, evaluation.values)
    if estimate.credits is not None:
        return _("{n} credits").format(n=format_credits(estimate.credits))
    if estimate.max_credits is not None:
        return _("at most {n} credits").format(n=format_credits(estimate.max_credits))
    return _("price not known")


def _find_model_problem(spec: ModelSpec, evaluation: FormEvaluation) -> str:
    """What the form would still ask for; "" if it could be sent."""
    labels = dict.fromkeys(
        translate_label(spec.get_field(error.field).label) for error in evaluation.errors
    )
    return _("Still needs: {list}.").format(list=", ".join(labels)) if labels else ""


# Settings whose value at the other model is worth a word even where nothing was dropped.
_COMPARED_FIELDS = ("aspect_ratio", DURATION_FIELD, QUALITY_FIELD)


def _describe_changes(
    old_spec: ModelSpec, form_data: FormData, spec: ModelSpec, evaluation: FormEvaluation
) -> list[str]:
    """What of the main settings differs, as one sentence "Quality 720p → 1080p."; [] for none."""
    old_evaluation = old_spec.evaluate(form_data.values)
    old_values = {DURATION_FIELD: old_spec.fixed_seconds, **old_evaluation.values}
    new_values = {DURATION_FIELD: spec.fixed_seconds, **evaluation.values}
    fields = {field.name: field for field in (*spec.fields, *old_spec.fields)}
    texts = [
        _describe_change(fields[name], old_values[name], new_values.get(name))
        for name in _COMPARED_FIELDS
        if name in fields and old_values.get(name) not in (None, "", new_values.get(name))
    ]
    if Capability.SOUND in old_spec.capabilities and Capability.SOUND not in spec.capabilities:
        texts.append(_("without sound"))
    return [f"{', '.join(texts)}."] if texts else []


def _describe_change(field: Field, old_value: object, new_value: object) -> str:
    label = translate_label(field.label)
    if new_value in (None, ""):
        return _("{label} {old} is not chosen here").format(label=label, old=old_value)
    return f"{label} {old_value} → {new_value}"
