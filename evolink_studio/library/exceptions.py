"""Why a file was not taken, in sentences for the person.

NotTaken
├── NoFile          nothing arrived
├── NotAPicture     not a picture, or damaged
├── TooManyPixels   a picture too large to open
├── TooHeavy        over the limit for uploads
├── NotAFilm        not a film, damaged, or cut short
├── NotASound       not a sound file, or damaged
├── NotFetched      the address gave no file
├── NotChanged      a change that cannot be made
├── NoSpace         the disk is full; also an OSError
├── NotReached      where files are kept cannot be reached now; also an OSError
└── NotNoted        the database did not answer, so nobody would know of the file
"""

from collections.abc import Mapping

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _


class NotTaken(Exception):
    """A file that the library does not take.

    `text` is a msgid with places for `values`; `str()` gives the sentence in the language of the
    moment. `status` is the HTTP status that goes with it.
    """

    text: str = _("This file was not added. Nothing was sent or charged. Try another file.")
    status: int = 400

    def __init__(self, text: str = "", **values: object) -> None:
        super().__init__(text or self.text)
        self.text = text or self.text
        self.values: Mapping[str, object] = values

    def __str__(self) -> str:
        return gettext(self.text).format_map(self.values)


class NoFile(NotTaken):
    text = _("No file arrived. Nothing was sent or charged. Choose the file again.")


class NotAPicture(NotTaken):
    text = _(
        "This file is not a picture that the studio can open, or it is damaged. Nothing was sent "
        "or charged. Use a JPEG, PNG, WebP, GIF, HEIC or AVIF file."
    )


class TooManyPixels(NotTaken):
    text = _(
        "This picture has more than {limit} million pixels, or a side longer than {side}: too "
        "large to open safely. Nothing was sent or charged. Make it smaller and add it again."
    )


class TooHeavy(NotTaken):
    text = _(
        "This file is larger than {limit} MB, the most that can be added here. Nothing was sent "
        "or charged. Make it smaller and add it again."
    )
    status = 413


class NotAFilm(NotTaken):
    text = _(
        "This file is not a film that plays, or part of it is missing. Nothing was sent or "
        "charged. Use an undamaged MP4, WebM or MOV file."
    )


class NotASound(NotTaken):
    text = _(
        "This file is not a sound that plays, or part of it is missing. Nothing was sent or "
        "charged. Use an undamaged MP3, WAV, M4A or OGG file."
    )


class NotFetched(NotTaken):
    text = _(
        "The address did not answer as it should. Nothing was sent or charged. Try again, or "
        "download the file yourself and add it from your device."
    )


class NotChanged(NotTaken):
    text = _(
        "This change cannot be made. The picture is as it was; nothing was sent or charged. "
        "Choose another size or picture."
    )


class NoSpace(NotTaken, OSError):
    text = _(
        "The studio's disk is full, so this file could not be kept. Nothing was sent or charged. "
        "Please tell whoever runs this studio, then add it again."
    )
    status = 507


class NotReached(NotTaken, OSError):
    text = _(
        "The place where this studio keeps its files cannot be reached right now. Nothing was sent "
        "or charged, and everything else you entered is still here. Add the file again in a minute."
    )
    status = 503


class NotNoted(NotTaken):
    text = _(
        "The studio's database did not answer, so this file could not be kept. Nothing was sent or "
        "charged, and everything else you entered is still here. Add the file again in a minute."
    )
    status = 503
