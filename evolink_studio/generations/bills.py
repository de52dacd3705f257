"""What a generation costs, in words: one sentence, and what was estimated, reserved, charged."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evolink_studio.generations.figures import credits_text
from evolink_studio.generations.models import OPEN, Charge, Generation
from evolink_studio.generations.states import State

Text = str | Promise


@dataclass(frozen=True)
class Sentence:
    """`known` names the credits in column `figure`; `unknown` is said when nobody told them."""

    known: Text
    unknown: Text
    figure: str


_NOTHING = gettext_lazy("Nothing was charged.")
_CHARGED_UNTOLD = gettext_lazy("EvoLink charged it, but did not say how many credits.")
_RESERVED_UNTOLD = gettext_lazy("EvoLink reserved credits for it, but did not say how many.")
_BACK_UNTOLD = gettext_lazy("Whether its reserved credits came back is not clear yet.")
_BACK = gettext_lazy("Whether its {n} reserved credits came back is not clear yet.")

_BY_CHARGE: Mapping[str, Sentence] = {
    Charge.NONE: Sentence(_NOTHING, _NOTHING, "estimated"),
    Charge.RESERVED: Sentence(
        gettext_lazy("{n} credits are reserved at EvoLink."), _RESERVED_UNTOLD, "reserved"
    ),
    Charge.CHARGED: Sentence(gettext_lazy("{n} credits were charged."), _CHARGED_UNTOLD, "used"),
    Charge.RETURNED: Sentence(
        gettext_lazy("Not charged: {n} credits were returned."),
        gettext_lazy("Not charged: what was reserved was returned."),
        "reserved",
    ),
    Charge.UNCLEAR: Sentence(
        gettext_lazy("Whether {n} credits are charged is not clear yet."),
        gettext_lazy("Whether it is charged is not clear yet."),
        "estimated",
    ),
}
# Where the state says more about the money than the charge alone.
_BY_STATE: Mapping[tuple[str, str], Sentence] = {
    (State.QUEUED, Charge.NONE): Sentence(
        gettext_lazy("Nothing is charged yet; about {n} credits once it is sent."),
        gettext_lazy("Nothing is charged yet; EvoLink says what it costs once it is sent."),
        "estimated",
    ),
    (State.SENDING, Charge.NONE): Sentence(
        gettext_lazy("About {n} credits will be reserved as soon as EvoLink accepts it."),
        gettext_lazy("EvoLink says what it costs as soon as it accepts it."),
        "estimated",
    ),
    (State.RUNNING, Charge.RESERVED): Sentence(
        gettext_lazy("EvoLink accepted it; {n} credits are reserved."), _RESERVED_UNTOLD, "reserved"
    ),
    (State.FAILED, Charge.CHARGED): Sentence(
        gettext_lazy("{n} credits were charged all the same."), _CHARGED_UNTOLD, "used"
    ),
    (State.FAILED, Charge.RESERVED): Sentence(_BACK, _BACK_UNTOLD, "reserved"),
    (State.FAILED, Charge.UNCLEAR): Sentence(_BACK, _BACK_UNTOLD, "reserved"),
}


def bill(generation: Generation) -> str:
    """What it costs, as far as it is known."""
    charge = generation.charge
    sentence = _BY_STATE.get((generation.state, charge)) or _BY_CHARGE[charge]
    amount = getattr(generation, sentence.figure)
    if amount is None:
        return str(sentence.unknown)
    return str(sentence.known).format(n=credits_text(amount))


def refund_unclear(generation: Generation) -> bool:
    """It failed, and nobody knows yet whether EvoLink gave the reserved credits back."""
    return generation.state == State.FAILED and generation.charge in OPEN


def figures(generation: Generation) -> str:
    """Estimated → reserved → charged, as far as they are known; one alone says nothing new."""
    steps = (
        (_("estimated"), generation.estimated),
        (_("reserved"), generation.reserved),
        (_("charged"), generation.used),
    )
    known = [f"{name} {credits_text(amount)}" for name, amount in steps if amount is not None]
    return " → ".join(known) if len(known) > 1 else ""
