"""What people type about a project."""

from django import forms
from django.utils.translation import gettext_lazy as _

from evolink_studio.projects.models import Project


class ProjectForm(forms.Form):
    """Its name and client, and whether everybody may choose it."""

    name = forms.CharField(
        label=_("Name"),
        max_length=Project._meta.get_field("name").max_length,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    client = forms.CharField(
        label=_("Client"),
        max_length=Project._meta.get_field("client").max_length,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    is_shared = forms.BooleanField(
        label=_("Everybody in the studio may choose it; films stay with who made them"),
        required=False,
    )
