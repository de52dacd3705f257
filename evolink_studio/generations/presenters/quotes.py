"""What pressing the button will cost, said on the button."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property

from django.utils.translation import gettext as _

from evolink_studio.accounts.models import User
from evolink_studio.catalog import SPECS
from evolink_studio.catalog.spec import Lifecycle, Spec
from evolink_studio.core.formatting import credits_text
from evolink_studio.credits import pricing
from evolink_studio.credits.availability import Room, room
from evolink_studio.credits.exceptions import NoRoom
from evolink_studio.credits.models import FarAccount, RateCard
from evolink_studio.credits.presenters import Standings, standing_words
from evolink_studio.credits.pricing import Bill, Saving, cheaper, savings
from evolink_studio.credits.queries import current_card
from evolink_studio.generations import models, queries


def key_refused() -> str:
    """Also the reason on the button."""
    return _("EvoLink does not accept this studio's key, so nothing is sent. Tell the owner.")


def blocked(spec: Spec, account: FarAccount, disk_free: int | None) -> str:
    """Why nothing can be sent now; "" when it can."""
    if account.key_state == FarAccount.KeyState.REFUSED:
        return key_refused()
    if spec.lifecycle is Lifecycle.RETIRED:
        return _("This model is retired. Choose another one.")
    if disk_free is not None and disk_free < models.LOW_DISK:
        return _("This server's disk is nearly full, so a film could not be kept. Nothing is sent.")
    return ""


@dataclass(frozen=True)
class Receipt:
    """`amount` in credits; None when price or length is open, `at_most` is the worst case then.

    `label` is the button, `after` its second line. `blocked` says why nothing can be sent. Where an
    allowance refuses, `refusal` says so at length, and `cheaper` which setting would help.
    `standings` is None for who has no limit. `closed` are the models that an allowance leaves out.
    """

    amount: Decimal | None
    at_most: Decimal | None
    estimate: str
    left: str
    label: str
    note: str
    after: str = ""
    warning: str = ""
    cheaper: str = ""
    blocked: str = ""
    refusal: NoRoom | None = None
    standings: Standings | None = None
    closed: frozenset[str] = frozenset()


def receipt(
    *,
    spec: Spec,
    person: User,
    params: Mapping[str, object],
    account: FarAccount,
    blocked: str,
    now: datetime,
) -> Receipt:
    """Hold what it will take against the person's allowances and what EvoLink says is left."""
    card = current_card(model_id=spec.id, now=now)
    bill = pricing.bill(card, params)
    space = room(
        person=person,
        model_id=spec.id,
        amount=bill.estimate,
        at_most=bill.at_most,
        running=0,
        now=now,
    )
    left = _left(account, space)
    hint = _cheaper(space, card, bill, spec, params)
    refusal = None if blocked else space.refusal
    return Receipt(
        amount=bill.estimate,
        at_most=bill.at_most,
        estimate=credits_text(bill.estimate),
        left=credits_text(left) if left is not None else "",
        label=_label(bill, space),
        after=_after(bill, left),
        note=_note(card, bill, space),
        warning=_warning(account, space),
        cheaper=hint,
        blocked=blocked or (f"{refusal.sentence} {hint}".strip() if refusal else ""),
        refusal=refusal,
        standings=standing_words(space),
        closed=frozenset(id for id in SPECS if not space.includes(id)),
    )


def _left(account: FarAccount, space: Room) -> Decimal | None:
    """What this person will have left: the smaller of the allowance and EvoLink's account."""
    known = [value for value in (account.spendable, space.available) if value is not None]
    return min(known) - space.needed if space.needed is not None and known else None


def _note(card: RateCard | None, bill: Bill, space: Room) -> str:
    if bill.estimate is not None:
        return _("Estimate; EvoLink confirms the exact figure when it accepts.")
    words = (
        _("How long the film gets is open; EvoLink names its price when it accepts.")
        if card
        else _("No price is known for this model; EvoLink names it when it accepts.")
    )
    if not space.needed:
        return words
    held = _("Until then {n} credits are reserved.").format(n=credits_text(space.needed))
    return f"{words} {held}"


def _warning(account: FarAccount, space: Room) -> str:
    short = account.spendable is not None and (space.needed or 0) > account.spendable
    if short:
        return _("EvoLink's account has fewer credits than this needs; it may refuse.")
    if space.allowed and space.warnings:
        percent = max(space.warnings)
        return _("With this, {percent} % of your allowance is used.").format(percent=percent)
    return ""


def _cheaper(
    space: Room, card: RateCard | None, bill: Bill, spec: Spec, params: Mapping[str, object]
) -> str:
    """Where it does not fit, the smallest change that helps; near a limit, the one that saves most.

    Nothing where the price is open: what a change saves is then not known either.
    """
    if card is None or bill.estimate is None:
        return ""
    if space.refusal is not None and space.most is not None:
        return _saving(cheaper(card, spec, params, at_most=space.most))
    if space.warnings:
        return _saving(next(reversed(savings(card, spec, params)), None))
    return ""


def _saving(saving: Saving | None) -> str:
    if saving is None:
        return ""
    return _("{setting} {value} saves {credits} credits.").format(
        setting=_(saving.field), value=_(saving.option), credits=credits_text(saving.saves)
    )


def _label(bill: Bill, space: Room) -> str:
    if bill.estimate is not None:
        return _("Generate · {cost} credits").format(cost=credits_text(bill.estimate))
    if not space.needed:
        return _("Generate")
    return _("Generate · at most {cost} credits").format(cost=credits_text(space.needed))


def _after(bill: Bill, left: Decimal | None) -> str:
    if bill.estimate is None or left is None or left < 0:
        return ""
    return _("you will have {left} left").format(left=credits_text(left))


class Till:
    """One for each request."""

    @cached_property
    def account(self) -> FarAccount:
        """The account at EvoLink as last read, less what was taken since."""
        return queries.account_now()

    @cached_property
    def disk_free(self) -> int | None:
        """Bytes, as the worker last saw them; None before it was ever there."""
        beat = queries.newest_heartbeat()
        return beat.disk_free if beat else None
