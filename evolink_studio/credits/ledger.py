"""Every write to the ledger.

Call these inside the transaction that changes the generation, so that both are stored or neither
is. Without one, each opens its own. A second call with the same values changes nothing.

Change one generation per transaction: on PostgreSQL, two transactions that change the balances of
several people each may deadlock.

reserve | record_external ─→ adjust* ─→ settle | release ─→ correct*
            ↑                                                  │
            └─────────────────── reopen ───────────────────────┘

The entries of a generation in a balance sum to what is reserved for it, in the end to what EvoLink
charged. Only `reserve` and `reserve_together` refuse for lack of credits: what EvoLink reports is
recorded even where it exceeds an allowance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache

import structlog
from django.db import transaction
from django.db.models import ExpressionWrapper, F, QuerySet

from evolink_studio.accounts.models import User
from evolink_studio.core.prepared_query import PreparedObjects
from evolink_studio.credits.allowances import (
    authorize_amount,
    get_applicable_allowances,
    get_sharing_scope,
)
from evolink_studio.credits.exceptions import AllowanceExceeded, NoAllowance, SpendingDenied
from evolink_studio.credits.fields import (
    ZERO_CREDITS,
    CreditsField,
    build_credits_value,
    quantize_credits,
)
from evolink_studio.credits.models import Allowance, AllowanceBalance, LedgerEntry, Reservation
from evolink_studio.credits.queries import list_owner_names

log = structlog.get_logger(__name__)


class InsufficientBalance(Exception):
    """`balance` has fewer credits left than requested; nothing was reserved."""

    def __init__(self, balance: AllowanceBalance) -> None:
        super().__init__()
        self.balance = balance


def reserve_in_balance(
    allowance: Allowance, user_id: int, amount: Decimal, now: datetime
) -> AllowanceBalance:
    """Reserve in the current balance of an allowance, and return the balance after that.

    One UPDATE checks and reserves. Its conditions are on its own row only, so both databases
    check again if another transaction changed the row meanwhile. Raises InsufficientBalance.
    """
    balances = get_current_balance(allowance, user_id, now)
    limit = allowance.get_limit(now)
    changes = {
        "credits_reserved": F("credits_reserved") + build_credits_value(amount),
        "credits_limit": limit,
    }
    sufficient_balances = _with_available(balances, limit, amount)
    if not sufficient_balances.update(**changes):
        ensure_balance(allowance, user_id, now)
        if not sufficient_balances.update(**changes):
            raise InsufficientBalance(balances.get())
    return balances.get()


def change_balance(balance_id: int, *, reserved: Decimal, charged: Decimal) -> AllowanceBalance:
    """Add these amounts to a balance, whatever its limit, and return the balance after that."""
    balances = AllowanceBalance.objects.filter(pk=balance_id)
    balances.update(
        credits_reserved=F("credits_reserved") + build_credits_value(reserved),
        credits_charged=F("credits_charged") + build_credits_value(charged),
    )
    return balances.get()


def get_current_balance(
    allowance: Allowance, user_id: int, now: datetime
) -> QuerySet[AllowanceBalance]:
    """The balance of the current period as a queryset, empty if it does not exist yet."""
    return AllowanceBalance.objects.filter(**_balance_key(allowance, user_id, now))


def ensure_balance(allowance: Allowance, user_id: int, now: datetime) -> None:
    """Create the current balance if missing; waits for another transaction that creates it."""
    balance = AllowanceBalance(
        **_balance_key(allowance, user_id, now), credits_limit=allowance.get_limit(now)
    )
    AllowanceBalance.objects.bulk_create([balance], ignore_conflicts=True)


def _balance_key(allowance: Allowance, user_id: int, now: datetime) -> dict[str, object]:
    return {
        "allowance_id": allowance.pk,
        "user_id": allowance.balance_user_id(user_id),
        "period": allowance.period,
        "period_start": allowance.current_period_start(now),
    }


def _with_available(
    balances: QuerySet[AllowanceBalance], limit: Decimal | None, amount: Decimal
) -> QuerySet[AllowanceBalance]:
    if limit is None:
        return balances
    total = F("credits_reserved") + F("credits_charged") + build_credits_value(amount)
    used_after = ExpressionWrapper(total, output_field=CreditsField())
    return balances.alias(used_after=used_after).filter(used_after__lte=limit)


class ReservationClosed(RuntimeError):
    """The credits of this generation were charged or returned already: retry with a new one."""


def reserve(
    *,
    generation_id: int,
    user: User,
    model_id: str,
    amount: Decimal | None,
    max_credits: Decimal | None = None,
    now: datetime,
) -> Decimal:
    """Reserve credits for a generation before it is sent, in every allowance that applies.

    `amount` is the estimate, None when price or length is unknown; then `max_credits` is the worst
    case, if it is known. Returns the credits reserved, now or by an earlier call. Raises
    SpendingDenied, whose texts say why, or ReservationClosed; nothing is changed then.
    """
    amount = _quantize_optional(amount)
    max_credits = _quantize_optional(max_credits)
    try:
        with transaction.atomic():
            existing_reservations = _lock_reservations(generation_id)
            if existing_reservations:
                return _existing_amount(existing_reservations)
            allowances = get_applicable_allowances(user)
            amount = authorize_amount(
                allowances,
                model_id=model_id,
                amount=amount,
                max_credits=max_credits,
            )
            _reserve_in_all(allowances, {generation_id: amount}, user, now)
            return amount
    except SpendingDenied as denial:
        denial.owner_names = list_owner_names()
        log.info("reservation denied", generation=generation_id, person=user.pk, reason=denial.code)
        raise


@dataclass(frozen=True, kw_only=True)
class ReservationRequest:
    """What `reserve_together` is to reserve for one generation; amounts as `reserve` takes them."""

    generation_id: int
    model_id: str
    amount: Decimal | None
    max_credits: Decimal | None = None


def reserve_together(
    *, requests: Sequence[ReservationRequest], user: User, now: datetime
) -> dict[int, Decimal]:
    """Reserve credits for several new generations of one person: for all of them, or for none.

    Each is authorized by itself; their sum is reserved in each allowance by one conditional UPDATE.
    Returns the credits of each, by generation id. Raises SpendingDenied, which names what all of
    them need where too little is left; nothing is changed then. As many queries for many as for
    one.
    """
    try:
        with transaction.atomic():
            allowances = get_applicable_allowances(user)
            amounts = {
                request.generation_id: authorize_amount(
                    allowances,
                    model_id=request.model_id,
                    amount=_quantize_optional(request.amount),
                    max_credits=_quantize_optional(request.max_credits),
                )
                for request in requests
            }
            _reserve_in_all(allowances, amounts, user, now)
            return amounts
    except SpendingDenied as denial:
        denial.owner_names = list_owner_names()
        log.info("reservation denied", count=len(requests), person=user.pk, reason=denial.code)
        raise


def adjust(*, generation_id: int, reserved: Decimal, now: datetime) -> bool:
    """Record that EvoLink reserved another amount than was estimated. Never refuses.

    False when no credits are reserved any more, or exactly this amount is.
    """
    reserved = _quantize_not_negative(reserved)
    with transaction.atomic():
        outdated_reservations = [
            reservation
            for reservation in _open_reservations(generation_id)
            if reservation.credits != reserved
        ]
        for reservation in outdated_reservations:
            entry = LedgerEntry(
                kind=LedgerEntry.Kind.ADJUST,
                credits_reserved_delta=reserved - reservation.credits,
                created_at=now,
            )
            _post_entry(reservation, entry, Reservation.State.RESERVED, reserved)
    return bool(outdated_reservations)


def settle(
    *,
    generation_id: int,
    charged: Decimal,
    now: datetime,
    actor: User | None = None,
    note: str = "",
) -> bool:
    """Record what EvoLink charged, more or less than reserved. False when closed already."""
    charged = _quantize_not_negative(charged)
    with transaction.atomic():
        reservations = _open_reservations(generation_id)
        for reservation in reservations:
            entry = LedgerEntry(
                kind=LedgerEntry.Kind.SETTLE,
                credits_charged_delta=charged,
                created_at=now,
                actor=actor,
                note=note,
            )
            entry.credits_reserved_delta = -reservation.credits
            _post_entry(reservation, entry, Reservation.State.SETTLED, charged)
    return bool(reservations)


def release(
    *, generation_id: int, now: datetime, actor: User | None = None, note: str = ""
) -> bool:
    """Return all reserved credits: nothing was charged. False when closed already."""
    with transaction.atomic():
        reservations = _open_reservations(generation_id)
        for reservation in reservations:
            entry = LedgerEntry(
                kind=LedgerEntry.Kind.RELEASE, created_at=now, actor=actor, note=note
            )
            entry.credits_reserved_delta = -reservation.credits
            _post_entry(reservation, entry, Reservation.State.RELEASED, ZERO_CREDITS)
    return bool(reservations)


def correct(*, generation_id: int, charged: Decimal, actor: User, note: str, now: datetime) -> bool:
    """Set what EvoLink charged, as an admin found out. False when the ledger says so already.

    The entries sum to `charged` afterwards; an open reservation is settled.
    """
    charged = _quantize_not_negative(charged)
    with transaction.atomic():
        if settle(generation_id=generation_id, charged=charged, now=now, actor=actor, note=note):
            return True
        outdated_reservations = [
            reservation
            for reservation in _lock_reservations(generation_id)
            if reservation.credits != charged
        ]
        for reservation in outdated_reservations:
            entry = LedgerEntry(
                kind=LedgerEntry.Kind.CORRECT, created_at=now, actor=actor, note=note
            )
            entry.credits_charged_delta = charged - reservation.credits
            _post_entry(reservation, entry, Reservation.State.SETTLED, charged)
    return bool(outdated_reservations)


def reopen(*, generation_id: int, actor: User, note: str, now: datetime) -> bool:
    """Take back what was charged or returned, and reserve what was reserved at first again.

    For a decision that turned out wrong: what became of the request is open again. Never refuses.
    False when its credits are reserved already, or it is not in the ledger.
    """
    with transaction.atomic():
        closed_reservations = [
            reservation
            for reservation in _lock_reservations(generation_id)
            if reservation.state != Reservation.State.RESERVED
        ]
        for reservation in closed_reservations:
            reserved = _get_first_reserved(reservation)
            entry = LedgerEntry(
                kind=LedgerEntry.Kind.REOPEN,
                credits_reserved_delta=reserved,
                created_at=now,
                actor=actor,
                note=note,
            )
            entry.credits_charged_delta = -reservation.credits
            next_round = reservation.round + 1
            _post_entry(reservation, entry, Reservation.State.RESERVED, reserved, next_round)
    return bool(closed_reservations)


def restore_reserved(*, generation_id: int, actor: User, note: str, now: datetime) -> bool:
    """Reserve what was reserved at first again, where EvoLink's task changed it and was wrong.

    False when that is what is reserved, or nothing is.
    """
    with transaction.atomic():
        changed_reservations = [
            (reservation, reserved)
            for reservation in _open_reservations(generation_id)
            if (reserved := _get_first_reserved(reservation)) != reservation.credits
        ]
        for reservation, reserved in changed_reservations:
            entry = LedgerEntry(
                kind=LedgerEntry.Kind.ADJUST,
                credits_reserved_delta=reserved - reservation.credits,
                created_at=now,
                actor=actor,
                note=note,
            )
            _post_entry(reservation, entry, Reservation.State.RESERVED, reserved)
    return bool(changed_reservations)


def record_external(
    *,
    generation_id: int,
    user: User,
    reserved: Decimal,
    now: datetime,
    actor: User | None = None,
    note: str = "",
) -> bool:
    """Enter a recovered task into the ledger, which is at EvoLink without a reservation here.

    Does not refuse for lack of credits, as EvoLink charged or reserved them already; later it is
    adjusted and settled like any other. False when the generation is in the ledger already.
    Raises NoAllowance for a person without any allowance.
    """
    reserved = _quantize_not_negative(reserved)
    with transaction.atomic():
        if _lock_reservations(generation_id):
            return False
        allowances = get_applicable_allowances(user)
        if not allowances:
            raise NoAllowance(owner_names=list_owner_names())
        for allowance in allowances:
            ensure_balance(allowance, user.pk, now)
            balance = get_current_balance(allowance, user.pk, now).get()
            reservation = Reservation.objects.create(
                generation_id=generation_id, balance=balance, credits=ZERO_CREDITS
            )
            entry = LedgerEntry(
                kind=LedgerEntry.Kind.ADJUST,
                credits_reserved_delta=reserved,
                created_at=now,
                actor=actor,
                note=note,
            )
            _post_entry(reservation, entry, Reservation.State.RESERVED, reserved)
    return True


def _reserve_in_all(
    allowances: Sequence[Allowance],
    amounts: Mapping[int, Decimal],
    user: User,
    now: datetime,
) -> None:
    """Reserve `amounts`, by generation id, in all balances or none: the caller's transaction rolls
    back when one refuses."""
    total = sum(amounts.values(), ZERO_CREDITS)
    reservations, entries = [], []
    for allowance in allowances:
        try:
            balance = reserve_in_balance(allowance, user.pk, total, now)
        except InsufficientBalance as error:
            raise _build_exceeded_error(allowance, error.balance, total, now) from error
        credits_used = balance.credits_used - total
        for generation_id, amount in amounts.items():
            credits_used += amount
            reservations.append(
                Reservation(generation_id=generation_id, balance=balance, credits=amount)
            )
            entries.append(
                LedgerEntry(
                    generation_id=generation_id,
                    balance=balance,
                    kind=LedgerEntry.Kind.RESERVE,
                    credits_reserved_delta=amount,
                    credits_used_after=credits_used,
                    credits_limit=balance.credits_limit,
                    created_at=now,
                )
            )
    Reservation.objects.bulk_create(reservations)
    LedgerEntry.objects.bulk_create(entries)


def _build_exceeded_error(
    allowance: Allowance, balance: AllowanceBalance, credits_needed: Decimal, now: datetime
) -> AllowanceExceeded:
    scope, group_name = get_sharing_scope(allowance)
    return AllowanceExceeded(
        available=max(
            ZERO_CREDITS, (allowance.get_limit(now) or ZERO_CREDITS) - balance.credits_used
        ),
        credits_needed=credits_needed,
        resets_at=balance.resets_at,
        scope=scope,
        group_name=group_name,
    )


def _existing_amount(reservations: Sequence[Reservation]) -> Decimal:
    if any(reservation.state != Reservation.State.RESERVED for reservation in reservations):
        raise ReservationClosed
    return reservations[0].credits


def _open_reservations(generation_id: int) -> list[Reservation]:
    return [
        reservation
        for reservation in _lock_reservations(generation_id)
        if reservation.state == Reservation.State.RESERVED
    ]


def _lock_reservations(generation_id: int) -> list[Reservation]:
    """The reservations of a generation, locked, in the order of the allowances."""
    return _reservations_query().fetch({_GENERATION_ID: generation_id})


_GENERATION_ID = 2**62  # a placeholder


@cache
def _reservations_query() -> PreparedObjects[Reservation]:
    reservations = Reservation.objects.select_for_update(of=("self",)).filter(
        generation_id=_GENERATION_ID
    )
    return PreparedObjects(reservations.order_by("balance__allowance_id", "pk"))


def _get_first_reserved(reservation: Reservation) -> Decimal:
    """What the press reserved; 0 for a task that came from outside."""
    entries = LedgerEntry.objects.filter(
        generation_id=reservation.generation_id,
        balance_id=reservation.balance_id,
        kind=LedgerEntry.Kind.RESERVE,
    )
    return entries.values_list("credits_reserved_delta", flat=True).first() or ZERO_CREDITS


def _post_entry(
    reservation: Reservation,
    entry: LedgerEntry,
    state: Reservation.State,
    amount: Decimal,
    next_round: int | None = None,
) -> None:
    """Write one entry, apply it to the balance, and set state and credits of the reservation."""
    entry.round = reservation.round if next_round is None else next_round
    unchanged_reservation = Reservation.objects.filter(
        pk=reservation.pk,
        state=reservation.state,
        credits=reservation.credits,
        round=reservation.round,
    )
    if not unchanged_reservation.update(state=state, credits=amount, round=entry.round):
        raise RuntimeError(f"reservation {reservation.pk} was changed without its lock")
    balance = change_balance(
        reservation.balance_id,
        reserved=entry.credits_reserved_delta,
        charged=entry.credits_charged_delta,
    )
    entry.generation_id, entry.balance = reservation.generation_id, balance
    entry.credits_used_after, entry.credits_limit = balance.credits_used, balance.credits_limit
    entry.save()


def _quantize_optional(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else _quantize_not_negative(amount)


def _quantize_not_negative(amount: Decimal) -> Decimal:
    figure = quantize_credits(amount)
    if figure < 0:
        raise ValueError(f"not an amount of credits: {amount}")
    return figure
