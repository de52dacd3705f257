"""Forms that check the library's requests."""

from django import forms

from evolink_studio.core.keyset import MAX_POSITION_LENGTH
from evolink_studio.library.filenames import MAX_NAME_LENGTH
from evolink_studio.library.media.containers import MAX_DURATION_SECONDS
from evolink_studio.library.media.cropping import BLUR, Box, Crop
from evolink_studio.library.media.decoding import MAX_SIDE_PIXELS
from evolink_studio.library.models import Asset
from evolink_studio.library.queries import ADDED_ORIGINS


class KindForm(forms.Form):
    kind = forms.ChoiceField(choices=Asset.Kind.choices, required=False)


class UrlImportForm(KindForm):
    url = forms.CharField(max_length=2048)


class EditForm(forms.Form):
    """A change of a picture that needs no choice; CropForm has the others."""

    action = forms.ChoiceField(choices=[("fit", ""), ("jpeg", "")])
    width = forms.IntegerField(min_value=1, max_value=MAX_SIDE_PIXELS, required=False)
    height = forms.IntegerField(min_value=1, max_value=MAX_SIDE_PIXELS, required=False)


class CropForm(forms.Form):
    """How a picture is cropped, turned and padded. `build_crop` gives it to the library.

    `shape` is a ratio ("16:9"), a size in pixels ("1280x720"), or "" for that of the picture. The
    box may be left out: then it is placed by the shape.
    """

    turn = forms.TypedChoiceField(
        choices=[(degrees, "") for degrees in (0, 90, 180, 270)],
        coerce=int,
        required=False,
    )
    mirror = forms.BooleanField(required=False)
    shape = forms.RegexField(r"^[1-9][0-9]{0,4}[:x][1-9][0-9]{0,4}$", required=False)
    padded = forms.BooleanField(required=False)
    x = forms.IntegerField(min_value=-MAX_SIDE_PIXELS, max_value=MAX_SIDE_PIXELS, required=False)
    y = forms.IntegerField(min_value=-MAX_SIDE_PIXELS, max_value=MAX_SIDE_PIXELS, required=False)
    width = forms.IntegerField(min_value=1, max_value=3 * MAX_SIDE_PIXELS, required=False)
    height = forms.IntegerField(min_value=1, max_value=3 * MAX_SIDE_PIXELS, required=False)
    result_width = forms.IntegerField(min_value=1, max_value=MAX_SIDE_PIXELS, required=False)
    result_height = forms.IntegerField(min_value=1, max_value=MAX_SIDE_PIXELS, required=False)
    border = forms.ChoiceField(choices=[("colour", ""), (BLUR, "")], required=False)
    colour = forms.RegexField(r"^#[0-9a-fA-F]{6}$", required=False)

    def build_crop(self) -> Crop:
        """Of a valid form."""
        values = self.cleaned_data
        ratio, size = _parse_shape(values["shape"])
        result_size = (values["result_width"], values["result_height"])
        sides = [values[name] for name in ("x", "y", "width", "height")]
        return Crop(
            turn=values["turn"] or 0,
            is_mirrored=values["mirror"],
            box=None if None in sides else Box(*sides),
            ratio=ratio,
            is_padded=values["padded"],
            size=size if None in result_size else result_size,
            border=BLUR if values["border"] == BLUR else values["colour"] or "#000000",
        )


def _parse_shape(text: str) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    """The ratio and the size that a shape names; each None when it does not."""
    if not text:
        return None, None
    width, height = (int(number) for number in text.replace("x", ":").split(":"))
    return (width, height), ((width, height) if "x" in text else None)


class FrameForm(forms.Form):
    second = forms.DecimalField(min_value=0, max_value=MAX_DURATION_SECONDS)


class PickerForm(KindForm):
    """`model` and `param` name the slot that is filled, `q` words of names."""

    model = forms.CharField(max_length=100, required=False)
    param = forms.CharField(max_length=100, required=False)
    q = forms.CharField(max_length=200, required=False)
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
