"""What a password must not be."""

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

MIN_NAME_LENGTH = 2
MIN_OTHER_CHARACTERS = 8


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


class OwnNameValidator:
    """Refuses a password that is little more than the person's own name or e-mail address.

    Django's own validator compares whole values: it lets `ada-ada-2026` of `ada` pass.
    """

    def validate(self, password: str, user: object | None = None) -> None:
        """Raises `ValidationError` if fewer than 8 characters are left without the names."""
        rest = _fold(password)
        names = self._list_names(user)
        for name in names:
            rest = rest.replace(name, "").replace(name[::-1], "")
        if rest != _fold(password) and len(rest) < MIN_OTHER_CHARACTERS:
            raise ValidationError(self.get_help_text(), code="password_too_similar")

    def get_help_text(self) -> str:
        return _("Your password must not be your own name with a little added to it.")

    def _list_names(self, user: object | None) -> list[str]:
        """Every name of the person, and every word of it; the longest first."""
        names = set()
        for attribute in ("username", "first_name", "last_name", "email"):
            value = _fold(getattr(user, attribute, "") or "")
            local_part = value.partition("@")[0]
            names |= {value, local_part, *re.split(r"[\W_]+", local_part)}
        return sorted((name for name in names if len(name) >= MIN_NAME_LENGTH), key=len)[::-1]
