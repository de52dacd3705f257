"""Why a generation may not be paid for, said so that a person knows what to do.

NoRoom              nothing was reserved, and nothing may be sent
├── NoAllowance     nothing lets this person spend
├── ModelNotAllowed
├── PriceUnknown    and an allowance does not take that risk
├── OverCap         more than one generation may cost
├── TooManyRunning
└── OverAllowance   not enough left
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from evolink_studio.catalog import SPECS
from evolink_studio.core.formatting import amount_text


def whom_to_ask(owners: Sequence[str]) -> str:
    """Who can change an allowance."""
    if not owners:
        return _("Ask the owner of this studio to change that.")
    return _("Ask {names} to change that.").format(names=_(" or ").join(owners))


@dataclass(eq=False, kw_only=True)
class NoRoom(Exception):
    """`owners` are the names of people who can change it; the texts are in the reader's language.

    `code` is stable, for logs and programs.
    """

    code: ClassVar[str] = "no_room"
    owners: Sequence[str] = ()

    @property
    def what(self) -> str:
        """The reason."""
        raise NotImplementedError

    @property
    def when(self) -> str:
        """When it changes by itself; empty where time does not help."""
        return ""

    @property
    def who(self) -> str:
        """Whom to ask."""
        return whom_to_ask(self.owners)

    @property
    def sentence(self) -> str:
        """All of it: beside a button that cannot be pressed."""
        return " ".join(part for part in (self.what, self.when, self.who) if part)

    @property
    def answer(self) -> str:
        """All of it, and that nothing was spent: after the button was pressed."""
        nothing = _("Nothing was sent, so nothing is charged.")
        return " ".join(part for part in (self.what, nothing, self.when, self.who) if part)

    def __str__(self) -> str:
        return self.sentence


class NoAllowance(NoRoom):
    code = "no_allowance"

    @property
    def what(self) -> str:
        return _("You have no allowance to spend credits from yet.")


@dataclass(eq=False, kw_only=True)
class ModelNotAllowed(NoRoom):
    code: ClassVar[str] = "model_not_allowed"
    model_id: str

    @property
    def what(self) -> str:
        return _("Your allowance does not include {model}.").format(model=_label(self.model_id))


@dataclass(eq=False, kw_only=True)
class PriceUnknown(NoRoom):
    code: ClassVar[str] = "price_unknown"
    model_id: str

    @property
    def what(self) -> str:
        return _(
            "What this will cost with {model} is not known beforehand, and your allowance is not "
            "for generations of unknown price."
        ).format(model=_label(self.model_id))


@dataclass(eq=False, kw_only=True)
class OverCap(NoRoom):
    code: ClassVar[str] = "over_cap"
    cap: Decimal
    needed: Decimal

    @property
    def what(self) -> str:
        return _("This needs {needed} credits, and one generation may cost {cap} at most.").format(
            needed=amount_text(self.needed), cap=amount_text(self.cap)
        )


@dataclass(eq=False, kw_only=True)
class TooManyRunning(NoRoom):
    code: ClassVar[str] = "too_many_running"
    limit: int

    @property
    def what(self) -> str:
        return ngettext(
            "You may have {limit} generation under way at once.",
            "You may have {limit} generations under way at once.",
            self.limit,
        ).format(limit=self.limit)

    @property
    def when(self) -> str:
        return _("You can send this as soon as one has ended.")


class Whose(StrEnum):
    """Who shares the credits that have run out."""

    OWN = "own"
    GROUP = "group"
    STUDIO = "studio"


@dataclass(eq=False, kw_only=True)
class OverAllowance(NoRoom):
    """`available` is what is left of the tightest allowance; `group` names the one that shares."""

    code: ClassVar[str] = "over_allowance"
    available: Decimal
    needed: Decimal
    resets: datetime | None
    whose: Whose
    group: str = ""

    @property
    def what(self) -> str:
        return _(_LEFT[self.whose]).format(
            needed=amount_text(self.needed),
            available=amount_text(self.available),
            group=self.group,
        )

    @property
    def when(self) -> str:
        if self.resets is None:
            return _("It does not refill by itself.")
        return _("It starts afresh on {date}, 0:00 UTC.").format(
            date=date_format(self.resets, "DATE_FORMAT")
        )


_LEFT = {
    Whose.OWN: gettext_noop(
        "This needs {needed} credits, and your allowance has {available} left."
    ),
    Whose.GROUP: gettext_noop(
        "This needs {needed} credits, and the allowance that “{group}” share has {available} left."
    ),
    Whose.STUDIO: gettext_noop(
        "This needs {needed} credits, and the whole studio has {available} left."
    ),
}


def _label(model_id: str) -> str:
    return SPECS[model_id].label if model_id in SPECS else model_id
