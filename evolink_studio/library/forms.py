"""Forms that check the library's requests."""

from django import forms

from evolink_studio.library.media.containers import MAX_DURATION_SECONDS
from evolink_studio.library.media.decoding import MAX_SIDE_PIXELS
from evolink_studio.library.models import Asset


class KindForm(forms.Form):
    kind = forms.ChoiceField(choices=Asset.Kind.choices, required=False)


class UrlImportForm(KindForm):
    url = forms.CharField(max_length=2048)


class EditForm(forms.Form):
    action = forms.ChoiceField(choices=[("fit", ""), ("jpeg", "")])
    width = forms.IntegerField(min_value=1, max_value=MAX_SIDE_PIXELS, required=False)
    height = forms.IntegerField(min_value=1, max_value=MAX_SIDE_PIXELS, required=False)


class FrameForm(forms.Form):
    second = forms.DecimalField(min_value=0, max_value=MAX_DURATION_SECONDS)


class PickerForm(KindForm):
    param = forms.CharField(max_length=100, required=False)
    after = forms.CharField(max_length=60, required=False)
