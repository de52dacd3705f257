"""The form of a template. What it may hold, the services check."""

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from evolink_studio.prompts.prompt_templates.services import MAX_NAME_LENGTH


class TemplateForm(forms.Form):
    """A prompt with placeholders, under a name."""

    name = forms.CharField(
        label=_("Name"),
        max_length=MAX_NAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "text-input"}),
    )
    text = forms.CharField(
        label=_("Prompt"),
        help_text=format_lazy(
            _("Put what changes from film to film in braces, such as {example}."),
            example=format_lazy("{{{word}}}", word=_("place")),
        ),
        widget=forms.Textarea(attrs={"rows": 6, "data-placeholders-of": ""}),
    )
    is_shared = forms.BooleanField(label=_("For everybody in the studio"), required=False)
