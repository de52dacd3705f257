"""The form of a cast member."""

from django import forms

from evolink_studio.prompts.models import CastMember


class CastMemberForm(forms.Form):
    """What the services check further: the name, and the picture, which comes beside it."""

    name = forms.CharField(max_length=60, required=False)
    kind = forms.ChoiceField(choices=CastMember.Kind.choices)
    note = forms.CharField(max_length=200, required=False)
    picture = forms.IntegerField(min_value=1, required=False)
