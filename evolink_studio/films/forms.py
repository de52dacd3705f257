"""What people type about their films."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from evolink_studio.films.exceptions import InvalidPattern
from evolink_studio.films.models import Collection, SavedView
from evolink_studio.films.naming import MAX_PATTERN_LENGTH, clean_pattern


class NamePatternForm(forms.Form):
    """How downloaded files are named."""

    pattern = forms.CharField(
        label=_("Name of downloaded films"),
        max_length=MAX_PATTERN_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_pattern(self) -> Any:
        """Raises ValidationError with what is wrong about it."""
        try:
            return clean_pattern(self.cleaned_data["pattern"])
        except InvalidPattern as error:
            raise forms.ValidationError(str(error)) from error


class SavedViewForm(forms.Form):
    """The name under which filters are kept, and the query of their address."""

    name = forms.CharField(max_length=SavedView._meta.get_field("name").max_length)
    query = forms.CharField(required=False, max_length=10_000)


class SavedViewNameForm(forms.Form):
    """A new name for a saved view."""

    name = forms.CharField(max_length=SavedView._meta.get_field("name").max_length)


class CollectionForm(forms.Form):
    """The name of a collection."""

    name = forms.CharField(
        label=_("Name"),
        max_length=Collection._meta.get_field("name").max_length,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
