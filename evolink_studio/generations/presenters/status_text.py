"""The words of each state: what it is called, what happened, and what comes next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from evolink_studio.core.formatting import credits_text
from evolink_studio.generations.models import OPEN, Charge, Generation
from evolink_studio.generations.pipeline import poll_schedule
from evolink_studio.generations.pipeline.queue import Place
from evolink_studio.generations.presenters.failure_text import PAID_ANEW, failure
from evolink_studio.generations.presenters.timers import quiet
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


@dataclass(frozen=True)
class Words:
    """`label` names the state; `message` says what happened, `advice` what comes next."""

    label: Text
    message: Text = ""
    advice: Text = ""


_NEVER_TWICE = gettext_lazy("We never send it again by ourselves, so it cannot be paid twice.")
_BY_ITSELF = gettext_lazy("We try again by ourselves; you can leave this page.")


def words(generation: Generation, now: datetime, place: Place | None = None) -> Words:
    """What a card says of a generation. `place` is where it waits, if it does."""
    if generation.state == State.QUEUED:
        said = _queued(generation, place)
    else:
        said = _STATES[State(generation.state)](generation, now)
    return _put_away(generation, said.label) if generation.left_alone else said


def _queued(generation: Generation, place: Place | None) -> Words:
    trouble = {
        "unreachable": _("EvoLink cannot be reached. Nothing was sent yet."),
        "rate_limit_exceeded": _("EvoLink asks us to wait. Nothing was sent yet."),
        "internal": _("Something is wrong in this studio. Nothing was sent yet."),
        "disk_full": _(
            "This server's disk is nearly full, so a film could not be kept. Nothing was sent yet."
        ),
    }.get(generation.error_code)
    if trouble:
        return Words(State.QUEUED.label, trouble, _BY_ITSELF)
    if place is None:
        return Words(State.QUEUED.label, _("Waiting to be sent."))
    return Words(State.QUEUED.label, _in_line(place.ahead), _at_once(place))


def _in_line(ahead: int) -> str:
    if not ahead:
        return _("Next in line to be sent.")
    return ngettext("{n} ahead of this one.", "{n} ahead of this one.", ahead).format(n=ahead)


def _at_once(place: Place) -> str:
    if not place.at_once:
        return ""
    if place.own:
        words = _("At most {n} of yours run at once, and people take turns.")
    else:
        words = _("At most {n} run at once in this studio, and people take turns.")
    return words.format(n=place.at_once)


def _sending(generation: Generation, now: datetime) -> Words:
    return Words(State.SENDING.label, _("Sending it to EvoLink…"))


def _unknown(generation: Generation, now: datetime) -> Words:
    message = {
        "restored": _(
            "This studio was restored from a backup that does not know whether this was sent."
        ),
        "task_already_linked": _(
            "EvoLink's answer named a task that belongs to another film, so nobody knows what "
            "became of this one."
        ),
    }.get(
        generation.error_code,
        _("This was sent, but EvoLink's answer was lost. It may be in the making."),
    )
    looking = (
        _("We are looking for it at EvoLink.")
        if generation.due
        else _("We no longer look for it by ourselves: ask the owner of this studio.")
    )
    return Words(State.UNKNOWN.label, message, f"{looking} {_NEVER_TWICE}")


def _running(generation: Generation, now: datetime) -> Words:
    silence = quiet(generation, now)
    if not generation.stalled or silence is None:
        return Words(State.RUNNING.label)
    looks = _(
        "We look again every {few} to {many} minutes until EvoLink says how it ends. "
        "Nothing more will be charged for waiting."
    ).format(few=poll_schedule.STALLED // 60, many=poll_schedule.LONGEST // 60)
    return Words(_("No news"), silence.text, looks)


def _saving(generation: Generation, now: datetime) -> Words:
    trouble = {
        "disk_full": _("The film is made, but this server's disk is full."),
        "not_a_film": _("The film is made, but the copy that arrived does not play."),
        "link_dead": _("The film is made, but its link does not answer yet."),
        "download_failed": _("The film is made, but copying it was interrupted."),
        "not_stored": _("The film is made, but this studio's library cannot be reached."),
        "internal": _("The film is made, but something in this studio keeps us from copying it."),
    }.get(generation.error_code)
    keeps = _keeps(generation, now)
    advice = f"{_('We keep trying.')} {keeps}" if trouble else keeps
    return Words(State.SAVING.label, trouble or _("Made. Copying it to this server…"), advice)


def _keeps(generation: Generation, now: datetime) -> str:
    if generation.parked:
        return _("A whole copy is on this studio's own disk already, so it outlives its link.")
    hours = _hours_left(generation, now)
    if hours is None:
        return _("Its time at EvoLink is over; we ask once more for a fresh link.")
    if hours == 0:
        return _("EvoLink keeps it for less than an hour.")
    return ngettext(
        "EvoLink keeps it for {n} more hour.", "EvoLink keeps it for {n} more hours.", hours
    ).format(n=hours)


def _hours_left(generation: Generation, now: datetime) -> int | None:
    """Whole hours for which EvoLink keeps the film; None when they are over."""
    if generation.results_expire is None or generation.results_expire <= now:
        return None
    return (generation.results_expire - now) // timedelta(hours=1)


def kept_where(generation: Generation, now: datetime) -> str:
    """A badge: whether the film is ours, or still only a link that ends."""
    if generation.state == State.COMPLETED:
        return _("Saved here")
    if generation.state != State.SAVING:
        return ""
    if generation.parked:
        return _("copied, not in the library yet")
    hours = _hours_left(generation, now)
    if hours is None:
        return _("link ended")
    return _("link, {n} h left").format(n=hours) if hours else _("link, under 1 h left")


def _completed(generation: Generation, now: datetime) -> Words:
    if generation.error_code == "film_lost":
        lost = _("Saved in your library, except for a film whose link ended before it was copied.")
        return Words(State.COMPLETED.label, lost)
    return Words(State.COMPLETED.label, _("Saved in your library."))


def _failed(generation: Generation, now: datetime) -> Words:
    meaning = failure(generation.error_code)
    parts = (meaning.advice, _refund(generation), PAID_ANEW)
    advice = " ".join(str(part) for part in parts if part)
    return Words(meaning.label or State.FAILED.label, meaning.what, advice)


def _refund(generation: Generation) -> Text:
    if refund_unclear(generation):
        return _("The owner of this studio has it in the list of money to check.")
    if generation.charge == Charge.CHARGED:
        return _("Ask the owner of this studio about a refund.")
    return ""


def _cancelled(generation: Generation, now: datetime) -> Words:
    return Words(State.CANCELLED.label, _("Cancelled before it was sent."))


_STATES: Mapping[State, Callable[[Generation, datetime], Words]] = {
    State.SENDING: _sending,
    State.UNKNOWN: _unknown,
    State.RUNNING: _running,
    State.SAVING: _saving,
    State.COMPLETED: _completed,
    State.FAILED: _failed,
    State.CANCELLED: _cancelled,
}

_GOES_ON: Mapping[str, Text] = {
    State.QUEUED: gettext_lazy("It is still sent when its turn comes, and charged then."),
    State.SENDING: gettext_lazy("It is being sent, and EvoLink may reserve credits for it."),
    State.UNKNOWN: gettext_lazy("We still look for EvoLink's answer; it may be charged."),
    State.RUNNING: gettext_lazy("EvoLink goes on, and its credits stay reserved."),
    State.SAVING: gettext_lazy("It is made and charged; we go on copying it."),
}


def _put_away(generation: Generation, label: Text) -> Words:
    goes_on = _GOES_ON[generation.state]
    if generation.state == State.RUNNING and generation.reserved is not None:
        goes_on = _("EvoLink goes on, and {n} credits stay reserved.").format(
            n=credits_text(generation.reserved)
        )
    return Words(
        label,
        f"{_('You stopped watching this.')} {goes_on}",
        _("If a film comes of it, it will be in your films."),
    )
