"""The texts of each state and charge: label, what happened, and what comes next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from evolink_studio.core.formatting import format_credits
from evolink_studio.generations.models import (
    OPEN_CHARGES,
    Charge,
    Generation,
    find_unreadable_positions,
)
from evolink_studio.generations.pipeline import schedule
from evolink_studio.generations.pipeline.queue import QueuePosition
from evolink_studio.generations.presenters.failure_text import NEW_CHARGE_NOTICE, build_failure_text
from evolink_studio.generations.presenters.timers import build_time_without_progress
from evolink_studio.generations.states import ErrorCode, State

LazyText = str | Promise


@dataclass(frozen=True)
class ChargeMessage:
    """`with_amount` shows the credits of field `amount_field`; `without_amount` is used if that is
    None."""

    with_amount: LazyText
    without_amount: LazyText
    amount_field: str


_NOTHING_CHARGED = gettext_lazy("Nothing was charged.")
_CHARGED_AMOUNT_UNKNOWN = gettext_lazy("EvoLink charged it, but did not say how many credits.")
_RESERVED_AMOUNT_UNKNOWN = gettext_lazy(
    "EvoLink reserved credits for it, but did not say how many."
)
_REFUND_UNCLEAR_AMOUNT_UNKNOWN = gettext_lazy(
    "Whether its reserved credits came back is not clear yet."
)
_REFUND_UNCLEAR = gettext_lazy("Whether its {n} reserved credits came back is not clear yet.")

_MESSAGE_BY_CHARGE: Mapping[str, ChargeMessage] = {
    Charge.NONE: ChargeMessage(_NOTHING_CHARGED, _NOTHING_CHARGED, "credits_estimated"),
    Charge.RESERVED: ChargeMessage(
        gettext_lazy("{n} credits are reserved at EvoLink."),
        _RESERVED_AMOUNT_UNKNOWN,
        "credits_reserved",
    ),
    Charge.CHARGED: ChargeMessage(
        gettext_lazy("{n} credits were charged."), _CHARGED_AMOUNT_UNKNOWN, "credits_charged"
    ),
    Charge.RETURNED: ChargeMessage(
        gettext_lazy("Not charged: {n} credits were returned."),
        gettext_lazy("Not charged: what was reserved was returned."),
        "credits_reserved",
    ),
    Charge.UNCLEAR: ChargeMessage(
        gettext_lazy("Whether {n} credits are charged is not clear yet."),
        gettext_lazy("Whether it is charged is not clear yet."),
        "credits_estimated",
    ),
}
# Texts that depend on the state as well; they take precedence.
_MESSAGE_BY_STATE_AND_CHARGE: Mapping[tuple[str, str], ChargeMessage] = {
    (State.QUEUED, Charge.NONE): ChargeMessage(
        gettext_lazy("Nothing is charged yet; about {n} credits once it is sent."),
        gettext_lazy("Nothing is charged yet; EvoLink says what it costs once it is sent."),
        "credits_estimated",
    ),
    (State.SENDING, Charge.NONE): ChargeMessage(
        gettext_lazy("About {n} credits will be reserved as soon as EvoLink accepts it."),
        gettext_lazy("EvoLink says what it costs as soon as it accepts it."),
        "credits_estimated",
    ),
    (State.RUNNING, Charge.RESERVED): ChargeMessage(
        gettext_lazy("EvoLink accepted it; {n} credits are reserved."),
        _RESERVED_AMOUNT_UNKNOWN,
        "credits_reserved",
    ),
    (State.FAILED, Charge.CHARGED): ChargeMessage(
        gettext_lazy("{n} credits were charged all the same."),
        _CHARGED_AMOUNT_UNKNOWN,
        "credits_charged",
    ),
    (State.FAILED, Charge.RESERVED): ChargeMessage(
        _REFUND_UNCLEAR, _REFUND_UNCLEAR_AMOUNT_UNKNOWN, "credits_reserved"
    ),
    (State.FAILED, Charge.UNCLEAR): ChargeMessage(
        _REFUND_UNCLEAR, _REFUND_UNCLEAR_AMOUNT_UNKNOWN, "credits_reserved"
    ),
}


def build_charge_text(generation: Generation) -> str:
    """What it costs, as far as is known."""
    charge = generation.charge
    message = (
        _MESSAGE_BY_STATE_AND_CHARGE.get((generation.state, charge)) or _MESSAGE_BY_CHARGE[charge]
    )
    amount = getattr(generation, message.amount_field)
    if amount is None:
        return str(message.without_amount)
    return str(message.with_amount).format(n=format_credits(amount))


def is_refund_unclear(generation: Generation) -> bool:
    """Whether it failed and it is not known if the reserved credits came back."""
    return generation.state == State.FAILED and generation.charge in OPEN_CHARGES


def build_credit_history_text(generation: Generation) -> str:
    """Estimated → reserved → charged, as far as known; "" unless they differ."""
    amounts = (
        (_("estimated"), generation.credits_estimated),
        (_("reserved"), generation.credits_reserved),
        (_("charged"), generation.credits_charged),
    )
    known_amounts = [(name, amount) for name, amount in amounts if amount is not None]
    if len({amount for _name, amount in known_amounts}) < 2:
        return ""
    return " → ".join(f"{name} {format_credits(amount)}" for name, amount in known_amounts)


def build_cost_text(generation: Generation) -> str:
    """What it costs in a few signs: "≈ 36" as expected, "36" as reserved or charged; "?" for what
    is not known."""
    if generation.charge == Charge.NONE and not generation.is_ended:
        estimated = generation.credits_estimated
        return "?" if estimated is None else f"≈ {format_credits(estimated)}"
    if generation.charge in (Charge.NONE, Charge.RETURNED):
        return format_credits(Decimal(0))
    if generation.charge == Charge.UNCLEAR:
        return "?"
    is_charged = generation.charge == Charge.CHARGED
    amount = generation.credits_charged if is_charged else generation.credits_reserved
    return "?" if amount is None else format_credits(amount)


@dataclass(frozen=True)
class StatusText:
    """`label` names the state; `message` says what happened, `advice` what comes next."""

    label: LazyText
    message: LazyText = ""
    advice: LazyText = ""


MAX_NAMED_RESULTS = 10

_NEVER_RESENT = gettext_lazy("We never send it again by ourselves, so it cannot be paid twice.")
_ADMINS_KNOW = gettext_lazy("The owner of this studio has it in the list of money to check.")
_RETRIED_AUTOMATICALLY = gettext_lazy("We try again by ourselves; you can leave this page.")


def build_status_text(
    generation: Generation, now: datetime, position: QueuePosition | None = None
) -> StatusText:
    """The status texts of a card. `position`: its queue position, if it is queued and known."""
    if generation.state == State.QUEUED:
        text = _queued_text(generation, position)
    else:
        text = _TEXT_BY_STATE[State(generation.state)](generation, now)
    return _dismissed_text(generation, text.label) if generation.is_dismissed else text


def _queued_text(generation: Generation, position: QueuePosition | None) -> StatusText:
    problem_texts: Mapping[str, str] = {
        ErrorCode.UNREACHABLE: _("EvoLink cannot be reached. Nothing was sent yet."),
        ErrorCode.RATE_LIMIT_EXCEEDED: _("EvoLink asks us to wait. Nothing was sent yet."),
        ErrorCode.INTERNAL: _("Something is wrong in this studio. Nothing was sent yet."),
        ErrorCode.DISK_FULL: _(
            "This server's disk is nearly full, so a film could not be kept. Nothing was sent yet."
        ),
    }
    problem = problem_texts.get(generation.error_code)
    if problem:
        return StatusText(State.QUEUED.label, problem, _RETRIED_AUTOMATICALLY)
    if position is None:
        return StatusText(State.QUEUED.label, _("Waiting to be sent."))
    return StatusText(State.QUEUED.label, _waiting_text(position))


def build_short_status_text(
    generation: Generation, text: StatusText, position: QueuePosition | None
) -> str:
    """The message of `text` for one short line, in which its state stands already."""
    is_in_turn = position is not None and text.message == _waiting_text(position)
    if position is None or not is_in_turn:
        return str(text.message)
    if not position.ahead_count:
        return _("next")
    return ngettext("{n} ahead", "{n} ahead", position.ahead_count).format(n=position.ahead_count)


def _waiting_text(position: QueuePosition) -> str:
    """Why it waits and what comes next, in one sentence."""
    n, limit = position.ahead_count, position.max_concurrent
    if not limit:
        text = (
            ngettext(
                "{n} goes first, then this one is sent by itself.",
                "{n} go first, then this one is sent by itself.",
                n,
            )
            if n
            else _("This one is next and is sent by itself.")
        )
    elif position.is_user_limit:
        text = (
            ngettext(
                "The studio makes at most {limit} of yours at a time: {n} goes first, then this "
                "one is sent by itself.",
                "The studio makes at most {limit} of yours at a time: {n} go first, then this "
                "one is sent by itself.",
                n,
            )
            if n
            else _(
                "The studio makes at most {limit} of yours at a time: this one is next and is "
                "sent by itself."
            )
        )
    else:
        text = (
            ngettext(
                "The studio makes at most {limit} at a time, and people take turns: {n} goes "
                "first, then this one is sent by itself.",
                "The studio makes at most {limit} at a time, and people take turns: {n} go "
                "first, then this one is sent by itself.",
                n,
            )
            if n
            else _(
                "The studio makes at most {limit} at a time, and people take turns: this one is "
                "next and is sent by itself."
            )
        )
    return text.format(n=n, limit=limit)


def _sending_text(generation: Generation, now: datetime) -> StatusText:
    return StatusText(State.SENDING.label, _("Sending it to EvoLink…"))


def _unknown_text(generation: Generation, now: datetime) -> StatusText:
    messages: Mapping[str, str] = {
        ErrorCode.ANSWER_UNCLEAR: _(
            "This was sent, but the answer does not say for certain whether EvoLink took it. It "
            "may be in the making."
        ),
        ErrorCode.RESTORED: _(
            "This studio was restored from a backup that does not know whether this was sent."
        ),
        ErrorCode.TASK_ALREADY_LINKED: _(
            "EvoLink's answer named a task that belongs to another film, so nobody knows what "
            "became of this one."
        ),
    }
    message = messages.get(
        generation.error_code,
        _("This was sent, but EvoLink's answer was lost. It may be in the making."),
    )
    search_text = (
        _("We are looking for it at EvoLink.")
        if generation.next_attempt_at
        else _("We no longer look for it by ourselves: ask the owner of this studio.")
    )
    return StatusText(State.UNKNOWN.label, message, f"{search_text} {_NEVER_RESENT}")


def _running_text(generation: Generation, now: datetime) -> StatusText:
    problem_texts: Mapping[str, tuple[str, str]] = {
        ErrorCode.NO_RESULT: (
            _("EvoLink says that it is finished, but gave no film."),
            _("It may be charged. We keep asking, and take the film as soon as it is there."),
        ),
        ErrorCode.END_UNCLEAR: (
            _("EvoLink reports an error, but does not say whether this has ended."),
            _("We keep asking. Its credits stay reserved until EvoLink says how it ends."),
        ),
    }
    if problem := problem_texts.get(generation.error_code):
        message, advice = problem
        return StatusText(_("Unclear"), message, f"{advice} {_ADMINS_KNOW} {_NEVER_RESENT}")
    timer = build_time_without_progress(generation, now)
    if not generation.stalled_since or timer is None:
        return StatusText(State.RUNNING.label)
    advice = _(
        "We look again every {few} to {many} minutes until EvoLink says how it ends. "
        "Nothing more will be charged for waiting."
    ).format(
        few=schedule.STALLED_POLL_INTERVAL_SECONDS // 60,
        many=schedule.MAX_BACKOFF_SECONDS // 60,
    )
    return StatusText(_("No news"), timer.text, advice)


def _saving_text(generation: Generation, now: datetime) -> StatusText:
    problem_texts: Mapping[str, str] = {
        ErrorCode.DISK_FULL: _("The film is made, but this server's disk is full."),
        ErrorCode.NOT_A_FILM: _("The film is made, but the copy that arrived does not play."),
        ErrorCode.LINK_DEAD: _("The film is made, but its link does not answer yet."),
        ErrorCode.LINK_UNSAFE: _(
            "The film is made, but its link leads to an address that this studio does not open."
        ),
        ErrorCode.DOWNLOAD_FAILED: _("The film is made, but copying it was interrupted."),
        ErrorCode.NOT_STORED: _("The film is made, but this studio's library cannot be reached."),
        ErrorCode.INTERNAL: _(
            "The film is made, but something in this studio keeps us from copying it."
        ),
    }
    problem = problem_texts.get(generation.error_code)
    retention = _retention_text(generation, now)
    advice = f"{_('We keep trying.')} {retention}" if problem else retention
    return StatusText(State.SAVING.label, problem or _("Made. Copying it to this server…"), advice)


def _retention_text(generation: Generation, now: datetime) -> str:
    if generation.local_copy_seen_at:
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
    """Whole hours until the link of the film ends; None if it has ended."""
    if generation.results_expire_at is None or generation.results_expire_at <= now:
        return None
    return (generation.results_expire_at - now) // timedelta(hours=1)


def build_storage_badge(generation: Generation, now: datetime) -> str:
    """A badge that says whether the film is saved here or only a link; "" in other states."""
    if generation.state == State.COMPLETED:
        return _("Saved here")
    if generation.state != State.SAVING:
        return ""
    if generation.local_copy_seen_at:
        return _("copied, not in the library yet")
    hours = _hours_left(generation, now)
    if hours is None:
        return _("link ended")
    return _("link, {n} h left").format(n=hours) if hours else _("link, under 1 h left")


def _completed_text(generation: Generation, now: datetime) -> StatusText:
    if generation.error_code == ErrorCode.FILM_LOST:
        message = _(
            "Saved in your library, except for a film whose link ended before it was copied."
        )
        return StatusText(State.COMPLETED.label, message)
    if generation.error_code == ErrorCode.NOT_A_FILM:
        return StatusText(State.COMPLETED.label, _unreadable_results_text(generation))
    return StatusText(State.COMPLETED.label, _("Saved in your library."))


def _unreadable_results_text(generation: Generation) -> str:
    """Names the results that arrived and are nothing that can be kept."""
    positions = find_unreadable_positions(generation.failed_results)
    numbers = sorted(position + 1 for position in positions)
    shown_numbers = ", ".join(str(number) for number in numbers[:MAX_NAMED_RESULTS])
    text = ngettext(
        "Saved in your library, except for result {numbers}: what EvoLink gave there is no film, "
        "picture or sound.",
        "Saved in your library, except for {n} results ({numbers}): what EvoLink gave there is no "
        "film, picture or sound.",
        len(numbers),
    )
    has_more = len(numbers) > MAX_NAMED_RESULTS
    return text.format(n=len(numbers), numbers=f"{shown_numbers} …" if has_more else shown_numbers)


def _failed_text(generation: Generation, now: datetime) -> StatusText:
    meaning = build_failure_text(generation.error_code)
    parts = (meaning.advice, _refund_text(generation), NEW_CHARGE_NOTICE)
    advice = " ".join(str(part) for part in parts if part)
    return StatusText(meaning.state_label or State.FAILED.label, meaning.message, advice)


def _refund_text(generation: Generation) -> LazyText:
    if is_refund_unclear(generation):
        return _ADMINS_KNOW
    if generation.charge == Charge.CHARGED:
        return _("Ask the owner of this studio about a refund.")
    return ""


def _cancelled_text(generation: Generation, now: datetime) -> StatusText:
    return StatusText(State.CANCELLED.label, _("Cancelled before it was sent."))


_TEXT_BY_STATE: Mapping[State, Callable[[Generation, datetime], StatusText]] = {
    State.SENDING: _sending_text,
    State.UNKNOWN: _unknown_text,
    State.RUNNING: _running_text,
    State.SAVING: _saving_text,
    State.COMPLETED: _completed_text,
    State.FAILED: _failed_text,
    State.CANCELLED: _cancelled_text,
}

_DISMISSED_MESSAGES: Mapping[str, LazyText] = {
    State.QUEUED: gettext_lazy("It is still sent when its turn comes, and charged then."),
    State.SENDING: gettext_lazy("It is being sent, and EvoLink may reserve credits for it."),
    State.UNKNOWN: gettext_lazy("We still look for EvoLink's answer; it may be charged."),
    State.RUNNING: gettext_lazy("EvoLink goes on, and its credits stay reserved."),
    State.SAVING: gettext_lazy("It is made and charged; we go on copying it."),
}


def _dismissed_text(generation: Generation, label: LazyText) -> StatusText:
    message = _DISMISSED_MESSAGES[generation.state]
    if generation.state == State.RUNNING and generation.credits_reserved is not None:
        message = _("EvoLink goes on, and {n} credits stay reserved.").format(
            n=format_credits(generation.credits_reserved)
        )
    return StatusText(
        label,
        f"{_('You stopped watching this.')} {message}",
        _("If a film comes of it, it will be in your films."),
    )
