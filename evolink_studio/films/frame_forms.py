"""The form that takes a frame out of a film."""

from decimal import Decimal
from typing import Any

from django import forms

from evolink_studio.films.next_shot import LAST_SECOND, FrameSlot, find_frame_slot


class FrameChoiceForm(forms.Form):
    """A moment of a result, and the slot that its frame is for.

    `at` names the first or the last frame in place of `second`. Without a slot the frame goes where
    a shot goes on. `keep`: it only becomes a picture of the library.
    """

    result = forms.IntegerField(min_value=1, max_value=100_000, required=False)
    at = forms.ChoiceField(choices=[("first", ""), ("last", "")], required=False)
    second = forms.DecimalField(min_value=0, max_value=LAST_SECOND, required=False)
    slot = forms.CharField(max_length=200, required=False)
    keep = forms.CharField(max_length=1, required=False)

    def clean_slot(self) -> FrameSlot | None:
        """The slot; None without one. Refuses a value that names none."""
        value = self.cleaned_data["slot"]
        slot = find_frame_slot(value)
        if value and slot is None:
            raise forms.ValidationError("no slot of any model")
        return slot

    def clean(self) -> dict[str, Any]:
        """`second` of the frame, whichever way it was said."""
        cleaned_data = super().clean() or self.cleaned_data
        if cleaned_data.get("at") == "last":
            cleaned_data["second"] = LAST_SECOND
        elif cleaned_data.get("second") is None:
            cleaned_data["second"] = Decimal(0)
        return cleaned_data
