"""What a person may change about themselves."""

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from evolink_studio.accounts.models import Theme


class PreferencesForm(forms.Form):
    language = forms.ChoiceField(
        label=_("Language"),
        choices=[("", _("As my browser")), *settings.LANGUAGES],
        required=False,
    )
    theme = forms.ChoiceField(label=_("Appearance"), choices=Theme.choices)
