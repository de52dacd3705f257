"""Forms that check what owners and guests enter about shares."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from evolink_studio.sharing.models import Share
from evolink_studio.sharing.services import DEFAULT_DAYS, LIFETIME_DAYS

MAX_NAME_CHARACTERS = 60
MAX_TEXT_CHARACTERS = 2000
MAX_SECOND = 86_400
DAY_CHOICES = [(days, ngettext_lazy("{n} day", "{n} days", days)) for days in LIFETIME_DAYS]


def _list_day_choices() -> list[tuple[int, str]]:
    return [(days, str(label).format(n=days)) for days, label in DAY_CHOICES]


def _build_days_field(label: Any) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=label, choices=_list_day_choices, coerce=int, initial=DEFAULT_DAYS
    )


class ShareForm(forms.Form):
    """What a new link is to be like."""

    title = forms.CharField(
        label=_("Title"),
        max_length=120,
        required=False,
        help_text=_("The guest reads it above the films. Empty: the film's own title."),
    )
    days = _build_days_field(_("The link works for"))
    has_prompt = forms.BooleanField(label=_("Show prompt and settings"), required=False)


class ExtendForm(forms.Form):
    """How long a link is to work from now on."""

    days = _build_days_field(_("Works from now on for"))


class AnswerForm(forms.Form):
    """What a guest says. `number` is that of the film; without it all films are meant."""

    guest_name = forms.CharField(
        label=_("Your name"),
        max_length=MAX_NAME_CHARACTERS,
        error_messages={"required": _("Say your name, so that it is known who answers.")},
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    number = forms.TypedChoiceField(label=_("About"), coerce=int, required=False, empty_value=None)
    second = forms.DecimalField(
        min_value=0,
        max_value=MAX_SECOND,
        max_digits=9,
        decimal_places=3,
        required=False,
        widget=forms.HiddenInput,
    )
    text = forms.CharField(
        label=_("Comment"),
        max_length=MAX_TEXT_CHARACTERS,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    verdict = forms.ChoiceField(choices=Share.Verdict.choices, required=False)

    def __init__(self, *args: Any, choices: Sequence[tuple[Any, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        number = self.fields["number"]
        assert isinstance(number, forms.TypedChoiceField)
        number.choices = choices

    def clean(self) -> dict[str, Any]:
        cleaned_data: dict[str, Any] = super().clean() or {}
        is_approval = cleaned_data.get("verdict") == Share.Verdict.APPROVED
        if not cleaned_data.get("text") and "text" not in self.errors and not is_approval:
            is_change = cleaned_data.get("verdict") == Share.Verdict.CHANGES
            self.add_error(
                "text", _("Say what should change.") if is_change else _("Write your comment here.")
            )
        return cleaned_data
