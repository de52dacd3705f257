"""Why a change of films was refused, with messages for the person.

FilmError
├── InvalidName       empty, or too long
├── TextTooLong       a title or notes
├── NameTaken         the person has one of this name already
├── TooManyNames      more tags or collections than a person may have
├── TooManyTags       more tags than a film may have
├── NothingSelected   no film was named
├── TooManyFilms      more films than are changed at once
├── ProjectNotUsable  a project of somebody else, or an archived one
├── ZipsBusy          as many ZIPs as can be read from the store are being sent
└── InvalidPattern    names for downloaded files that cannot be made
"""

from collections.abc import Mapping

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _


class FilmError(Exception):
    """Nothing was changed.

    `msgid` has a {placeholder} for each of `values`; `str()` gives the message in the active
    language.
    """

    msgid: str = ""

    def __init__(self, **values: object) -> None:
        super().__init__(self.msgid)
        self.values: Mapping[str, object] = values

    def __str__(self) -> str:
        return gettext(self.msgid).format_map(self.values)


class InvalidName(FilmError):
    msgid = _("A name has 1 to {limit} characters. Nothing was changed.")


class TextTooLong(FilmError):
    msgid = _("This is longer than {limit} characters. Shorten it; it is not stored yet.")


class NameTaken(FilmError):
    msgid = _("You have “{name}” already. Choose another name.")


class TooManyNames(FilmError):
    msgid = _("You have {limit} of these, which is the most. Delete one that you no longer need.")


class TooManyTags(FilmError):
    msgid = _("A film has at most {limit} tags. Nothing was changed.")


class NothingSelected(FilmError):
    msgid = _("Select films first. Nothing was changed.")


class TooManyFilms(FilmError):
    msgid = _(
        "These are more than {limit} films. Narrow the filter, and do it in parts. "
        "Nothing was changed."
    )


class ProjectNotUsable(FilmError):
    msgid = _("This project is archived or no longer shared with you. Nothing was changed.")


class ZipsBusy(FilmError):
    msgid = _(
        "Other ZIPs are being sent just now. Try again in a minute, or download single films."
    )


class InvalidPattern(FilmError):
    msgid = "{problem}"
