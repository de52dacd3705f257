"""Why a generation may not be paid for, with texts that tell a person what to do.

SpendingDenied                nothing was reserved, and nothing may be sent
├── NoAllowance               no allowance applies to this person
├── ModelNotAllowed
├── PriceUnknown              and an allowance does not permit that
├── GenerationLimitExceeded   more than one generation may cost
└── AllowanceExceeded         not enough credits left
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from evolink_studio.catalog import get_label
from evolink_studio.core.formatting import format_credits


def build_owner_contact_text(names: Sequence[str]) -> str:
    """Whom to ask to change an allowance."""
    if not names:
        return _("Ask the owner of this studio to change that.")
    return _("Ask {names} to change that.").format(names=_(" or ").join(names))


@dataclass(eq=False, kw_only=True)
class SpendingDenied(Exception):
    """`owner_names` are the people who can change it; the texts are in the active language.

    `code` is stable, for logs and programs.
    """

    code: ClassVar[str] = "no_room"
    owner_names: Sequence[str] = ()

    @property
    def reason(self) -> str:
        """Why the generation is refused."""
        raise NotImplementedError

    @property
    def reset_text(self) -> str:
        """When that changes by itself; "" if it does not."""
        return ""

    @property
    def contact_text(self) -> str:
        """Whom to ask."""
        return build_owner_contact_text(self.owner_names)

    @property
    def summary(self) -> str:
        """Reason, reset and contact: shown beside a disabled button."""
        return " ".join(part for part in (self.reason, self.reset_text, self.contact_text) if part)

    @property
    def full_text(self) -> str:
        """The summary, and that nothing was charged: shown after the button was pressed."""
        no_charge_text = _("Nothing was sent, so nothing is charged.")
        parts = (self.reason, no_charge_text, self.reset_text, self.contact_text)
        return " ".join(part for part in parts if part)

    def __str__(self) -> str:
        return self.summary


class NoAllowance(SpendingDenied):
    code = "no_allowance"

    @property
    def reason(self) -> str:
        return _("You have no allowance to spend credits from yet.")


@dataclass(eq=False, kw_only=True)
class ModelNotAllowed(SpendingDenied):
    code: ClassVar[str] = "model_not_allowed"
    model_id: str

    @property
    def reason(self) -> str:
        return _("Your allowance does not include {model}.").format(model=get_label(self.model_id))


@dataclass(eq=False, kw_only=True)
class PriceUnknown(SpendingDenied):
    code: ClassVar[str] = "price_unknown"
    model_id: str

    @property
    def reason(self) -> str:
        return _(
            "What this will cost with {model} is not known beforehand, and your allowance is not "
            "for generations of unknown price."
        ).format(model=get_label(self.model_id))


@dataclass(eq=False, kw_only=True)
class GenerationLimitExceeded(SpendingDenied):
    code: ClassVar[str] = "over_cap"
    limit: Decimal
    credits_needed: Decimal

    @property
    def reason(self) -> str:
        return _("This needs {needed} credits, and one generation may cost {cap} at most.").format(
            needed=format_credits(self.credits_needed),
            cap=format_credits(self.limit),
        )


class SharingScope(StrEnum):
    """Who shares the credits of an allowance. SELF: nobody, it is the person's own limit."""

    OWN = "own"
    SELF = "self"
    GROUP = "group"
    STUDIO = "studio"


@dataclass(eq=False, kw_only=True)
class AllowanceExceeded(SpendingDenied):
    """`available` is what is left of the allowance; `group_name` is the group that shares it."""

    code: ClassVar[str] = "over_allowance"
    available: Decimal
    credits_needed: Decimal
    resets_at: datetime | None
    scope: SharingScope
    group_name: str = ""

    @property
    def reason(self) -> str:
        return _(_REASON_BY_SCOPE[self.scope]).format(
            needed=format_credits(self.credits_needed),
            available=format_credits(self.available),
            group=self.group_name,
        )

    @property
    def contact_text(self) -> str:
        if self.scope is SharingScope.SELF:
            return _("You can change it under “Your month” in the account menu.")
        return super().contact_text

    @property
    def reset_text(self) -> str:
        if self.resets_at is None:
            return _("It does not refill by itself.")
        return _("It starts afresh on {date}, 0:00 UTC.").format(
            date=date_format(self.resets_at, "DATE_FORMAT")
        )


_REASON_BY_SCOPE = {
    SharingScope.SELF: gettext_noop(
        "This needs {needed} credits, and the limit that you set yourself has {available} left."
    ),
    SharingScope.OWN: gettext_noop(
        "This needs {needed} credits, and your allowance has {available} left."
    ),
    SharingScope.GROUP: gettext_noop(
        "This needs {needed} credits, and the allowance that “{group}” share has {available} left."
    ),
    SharingScope.STUDIO: gettext_noop(
        "This needs {needed} credits, and the whole studio has {available} left."
    ),
}
