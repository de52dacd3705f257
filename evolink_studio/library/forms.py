"""Forms that check the library's requests."""

from django import forms

from evolink_studio.core.keyset import MAX_POSITION_LENGTH
from evolink_studio.library.filenames import MAX_NAME_LENGTH
from evolink_studio.library.media.containers import MAX_DURATION_SECONDS
from evolink_studio.library.media.decoding import MAX_SIDE_PIXELS
from evolink_studio.library.models import Asset
from evolink_studio.library.queries import ADDED_ORIGINS


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


class PicturesForm(forms.Form):
    """The filters of the pictures page. One that is invalid counts as none."""

    q = forms.CharField(max_length=200, required=False)
    kind = forms.ChoiceField(choices=Asset.Kind.choices, required=False)
    origin = forms.ChoiceField(
        choices=[(origin.value, origin.label) for origin in ADDED_ORIGINS], required=False
    )
    after = forms.CharField(max_length=MAX_POSITION_LENGTH, required=False)


class NameForm(forms.Form):
    name = forms.CharField(max_length=MAX_NAME_LENGTH)
