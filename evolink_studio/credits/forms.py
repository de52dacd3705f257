"""Forms for a rate card, an allowance, and raising allowances."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelectWidget,
)

from evolink_studio.catalog import SPECS
from evolink_studio.credits.fields import CREDITS_DECIMALS, CREDITS_QUANTUM, CreditsFormField
from evolink_studio.credits.models import Allowance, RateCard
from evolink_studio.credits.validators import find_factor_errors


def _model_choices() -> list[tuple[str, str]]:
    return [(spec.id, f"{spec.label} ({spec.id})") for spec in SPECS.values()]


class RateCardForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A price; its factors are checked against what the AI model offers."""

    model_id = forms.ChoiceField(label=_("Model"), widget=UnfoldAdminSelectWidget)

    class Meta:
        model = RateCard
        fields = (
            "model_id",
            "effective_at",
            "unit",
            "credits_per_unit",
            "minimum_credits",
            "factors",
            "source",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = _model_choices()
        # A card of an AI model that left the catalogue stays readable and savable.
        if self.instance.model_id and self.instance.model_id not in SPECS:
            choices.append((self.instance.model_id, self.instance.model_id))
        self.fields["model_id"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField
        # A read-only view has neither field.
        for name in {"credits_per_unit", "minimum_credits"} & self.fields.keys():
            self.fields[name].validators.append(_validate_not_negative)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        if "factors" in cleaned and "model_id" in cleaned:
            cleaned["factors"] = cleaned["factors"] or []
            for error in find_factor_errors(cleaned["factors"], cleaned["model_id"]):
                self.add_error("factors", error)
        return cleaned


def _validate_not_negative(value: Any) -> None:
    if value < 0:
        raise forms.ValidationError(_("A price cannot be below 0."))


class AllowanceForm(forms.ModelForm):  # type: ignore[type-arg]  # as above
    """An allowance; its models are chosen by name."""

    model_ids = forms.MultipleChoiceField(
        label=_("Models"),
        help_text=_("None chosen: all of them."),
        choices=_model_choices,
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget,
    )

    class Meta:
        model = Allowance
        fields = (
            "user",
            "group",
            "is_shared",
            "is_active",
            "credits_limit",
            "period",
            "max_credits_per_generation",
            "unknown_price_credits",
            "max_concurrent",
            "model_ids",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A model that left the catalogue stays chosen until somebody takes it out.
        retired_choices = [
            (model_id, model_id) for model_id in self.instance.model_ids if model_id not in SPECS
        ]
        if "model_ids" in self.fields and retired_choices:
            self.fields["model_ids"].choices = [*_model_choices(), *retired_choices]  # type: ignore[attr-defined]  # as above

    def _get_validation_exclusions(self) -> set[str]:
        """The form does not show `is_own_limit`, and the constraints of a person need it."""
        exclusions: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # no type
        return exclusions - {"is_own_limit"}


class OwnLimitForm(forms.Form):
    """What a person wants to spend at most in a month; empty: as much as they may."""

    credits_limit = CreditsFormField(
        label=_("At most this many credits a month"),
        help_text=_("Empty: as much as you may. Films that are on their way are finished anyway."),
        min_value=0,
        max_value=1_000_000_000,
        decimal_places=CREDITS_DECIMALS,
        required=False,
        widget=forms.NumberInput(attrs={"inputmode": "decimal", "class": "text-input"}),
    )


class AllowanceAmountForm(forms.ModelForm):  # type: ignore[type-arg]  # as above
    """The limit of one allowance in the list, labelled for screen readers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        label = _("Credits of {whose}").format(whose=self.instance)
        self.fields["credits_limit"].widget.attrs["aria-label"] = label


class RaiseAllowancesForm(forms.Form):
    """The credits to add to each selected allowance."""

    by = forms.DecimalField(
        label=_("Credits to add to each"),
        min_value=CREDITS_QUANTUM,
        max_value=1_000_000,
        decimal_places=CREDITS_DECIMALS,
        widget=UnfoldAdminDecimalFieldWidget,
    )
