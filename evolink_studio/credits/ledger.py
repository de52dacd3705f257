"""Every write to the book of credits.

Call these inside the transaction that changes the generation: then either both happened or
neither did. Each opens a transaction of its own where there is none. Whatever arrives twice
changes nothing the second time.

One generation a transaction: on PostgreSQL, two transactions that touch the purses of several
people each may wait for each other in a circle, and one of them is then thrown out.

reserve | enter ─→ adjust* ─→ settle | release ─→ correct*

The entries of a generation in a purse sum to what is held for it, in the end to what EvoLink
charged. Only `reserve` can refuse: what EvoLink says is true even where it exceeds an allowance.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import structlog
from django.db import transaction
from django.db.models import ExpressionWrapper, F, QuerySet

from evolink_studio.accounts.models import User
from evolink_studio.credits.allowances import admit, applying, whose
from evolink_studio.credits.exceptions import NoAllowance, NoRoom, OverAllowance
from evolink_studio.credits.fields import CreditsField, amount_of, exact
from evolink_studio.credits.models import Allowance, Entry, Hold, Purse
from evolink_studio.credits.queries import owner_names


class Full(Exception):
    """`purse` has less left than was asked for; nothing was taken."""

    def __init__(self, purse: Purse) -> None:
        super().__init__()
        self.purse = purse


def take(allowance: Allowance, person_id: int, amount: Decimal, now: datetime) -> Purse:
    """Reserve in the present purse of an allowance, and return the purse as it stands then.

    One UPDATE looks and takes. Its conditions are on its own row only, so that both databases
    look again when another transaction has changed the row meanwhile. Raises Full.
    """
    rows = present(allowance, person_id, now)
    reserve = {"reserved": F("reserved") + amount_of(amount), "limit": allowance.amount}
    roomy = _with_room(rows, allowance.amount, amount)
    if not roomy.update(**reserve):
        create(allowance, person_id, now)
        if not roomy.update(**reserve):
            raise Full(rows.get())
    return rows.get()


def put(purse_id: int, *, reserved: Decimal, charged: Decimal) -> Purse:
    """Change a purse by these amounts, whatever its limit, and return it as it stands then."""
    rows = Purse.objects.filter(pk=purse_id)
    rows.update(
        reserved=F("reserved") + amount_of(reserved), charged=F("charged") + amount_of(charged)
    )
    return rows.get()


def present(allowance: Allowance, person_id: int, now: datetime) -> QuerySet[Purse]:
    """The purse of this period as a query; it may not exist yet."""
    return Purse.objects.filter(**_key(allowance, person_id, now))


def create(allowance: Allowance, person_id: int, now: datetime) -> None:
    """Make the present purse unless there is one; waits for another transaction that makes it."""
    purse = Purse(**_key(allowance, person_id, now), limit=allowance.amount)
    Purse.objects.bulk_create([purse], ignore_conflicts=True)


def _key(allowance: Allowance, person_id: int, now: datetime) -> dict[str, object]:
    return {
        "allowance_id": allowance.pk,
        "person_id": allowance.purse_of(person_id),
        "period": allowance.period,
        "starts": allowance.starts(now),
    }


def _with_room(rows: QuerySet[Purse], limit: Decimal | None, amount: Decimal) -> QuerySet[Purse]:
    if limit is None:
        return rows
    used = F("reserved") + F("charged") + amount_of(amount)
    after = ExpressionWrapper(used, output_field=CreditsField())
    return rows.alias(after=after).filter(after__lte=limit)


log = structlog.get_logger(__name__)

ZERO = Decimal(0)


class EndedBefore(RuntimeError):
    """Its credits were charged or returned already: a new try needs a generation of its own."""


def reserve(
    *,
    generation_id: int,
    person: User,
    model_id: str,
    amount: Decimal | None,
    at_most: Decimal | None = None,
    running: int,
    now: datetime,
) -> Decimal:
    """Hold credits for a generation before it is sent, in every allowance that applies.

    `amount` is the estimate, None when price or length is open; then `at_most` is the worst case,
    if it is known. `running` is how many generations of
    this person are under way: count them in the same transaction, under a lock of the person.
    Returns the credits held; for a generation that holds credits already, those. Raises a NoRoom,
    whose texts say why, or EndedBefore; nothing is changed then.
    """
    amount = None if amount is None else _not_negative(amount)
    at_most = None if at_most is None else _not_negative(at_most)
    try:
        with transaction.atomic():
            earlier = _locked(generation_id)
            if earlier:
                return _held_before(earlier)
            allowances = applying(person)
            amount = admit(
                allowances, model_id=model_id, amount=amount, at_most=at_most, running=running
            )
            _hold(allowances, generation_id, person, amount, now)
            return amount
    except NoRoom as refusal:
        refusal.owners = owner_names()
        log.info("no room", generation=generation_id, person=person.pk, reason=refusal.code)
        raise


def adjust(*, generation_id: int, to: Decimal, now: datetime) -> bool:
    """EvoLink reserved another amount than was estimated. Never refuses.

    False when nothing is held any more, or just this amount.
    """
    to = _not_negative(to)
    with transaction.atomic():
        changed = [hold for hold in _held(generation_id) if hold.amount != to]
        for hold in changed:
            entry = Entry(kind=Entry.Kind.ADJUST, reserved=to - hold.amount, at=now)
            _post(hold, entry, Hold.State.HELD, to)
    return bool(changed)


def settle(
    *, generation_id: int, charged: Decimal, now: datetime, by: User | None = None, note: str = ""
) -> bool:
    """EvoLink charged this, be it more or less than was held. False when it had ended before."""
    charged = _not_negative(charged)
    with transaction.atomic():
        held = _held(generation_id)
        for hold in held:
            entry = Entry(kind=Entry.Kind.SETTLE, charged=charged, at=now, by=by, note=note)
            entry.reserved = -hold.amount
            _post(hold, entry, Hold.State.SETTLED, charged)
    return bool(held)


def release(*, generation_id: int, now: datetime, by: User | None = None, note: str = "") -> bool:
    """Nothing was charged: all of it goes back. False when it had ended before."""
    with transaction.atomic():
        held = _held(generation_id)
        for hold in held:
            entry = Entry(kind=Entry.Kind.RELEASE, at=now, by=by, note=note)
            entry.reserved = -hold.amount
            _post(hold, entry, Hold.State.RELEASED, ZERO)
    return bool(held)


def correct(*, generation_id: int, charged: Decimal, by: User, note: str, now: datetime) -> bool:
    """An admin knows better what EvoLink charged. False when the book says so already.

    Whatever came before, the entries sum to `charged` afterwards; what was still held is settled.
    """
    charged = _not_negative(charged)
    with transaction.atomic():
        if settle(generation_id=generation_id, charged=charged, now=now, by=by, note=note):
            return True
        changed = [hold for hold in _locked(generation_id) if hold.amount != charged]
        for hold in changed:
            entry = Entry(kind=Entry.Kind.CORRECT, at=now, by=by, note=note)
            entry.charged = charged - hold.amount
            _post(hold, entry, Hold.State.SETTLED, charged)
    return bool(changed)


def enter(
    *,
    generation_id: int,
    person: User,
    held: Decimal,
    now: datetime,
    by: User | None = None,
    note: str = "",
) -> bool:
    """Put a task into the book that is at EvoLink without a reservation here: a rescued one.

    It cannot refuse, as the credits are gone or held there already; from here on it is adjusted
    and settled like any other. False when the generation stands in the book. Raises NoAllowance
    for a person who has no purse to write it into.
    """
    held = _not_negative(held)
    with transaction.atomic():
        if _locked(generation_id):
            return False
        allowances = applying(person)
        if not allowances:
            raise NoAllowance(owners=owner_names())
        for allowance in allowances:
            create(allowance, person.pk, now)
            purse = present(allowance, person.pk, now).get()
            hold = Hold.objects.create(generation=generation_id, purse=purse, amount=ZERO)
            entry = Entry(kind=Entry.Kind.ADJUST, reserved=held, at=now, by=by, note=note)
            _post(hold, entry, Hold.State.HELD, held)
    return True


def _hold(
    allowances: Sequence[Allowance],
    generation_id: int,
    person: User,
    amount: Decimal,
    now: datetime,
) -> None:
    """All purses, or none: the caller's transaction goes back when one of them refuses."""
    holds, entries = [], []
    for allowance in allowances:
        try:
            purse = take(allowance, person.pk, amount, now)
        except Full as full:
            raise _over(allowance, full.purse, amount) from full
        holds.append(Hold(generation=generation_id, purse=purse, amount=amount))
        entries.append(
            Entry(
                generation=generation_id,
                purse=purse,
                kind=Entry.Kind.RESERVE,
                reserved=amount,
                balance=purse.used,
                limit=purse.limit,
                at=now,
            )
        )
    Hold.objects.bulk_create(holds)
    Entry.objects.bulk_create(entries)


def _over(allowance: Allowance, purse: Purse, needed: Decimal) -> OverAllowance:
    kind, group = whose(allowance)
    return OverAllowance(
        available=max(ZERO, (allowance.amount or ZERO) - purse.used),
        needed=needed,
        resets=purse.resets,
        whose=kind,
        group=group,
    )


def _held_before(holds: Sequence[Hold]) -> Decimal:
    if any(hold.state != Hold.State.HELD for hold in holds):
        raise EndedBefore
    return holds[0].amount


def _held(generation_id: int) -> list[Hold]:
    return [hold for hold in _locked(generation_id) if hold.state == Hold.State.HELD]


def _locked(generation_id: int) -> list[Hold]:
    """The holds of a generation, in the order of the allowances; nobody else changes them now."""
    rows = Hold.objects.select_for_update(of=("self",)).filter(generation=generation_id)
    return list(rows.order_by("purse__allowance_id", "pk"))


def _post(hold: Hold, entry: Entry, state: Hold.State, amount: Decimal) -> None:
    """Write one line: the purse changes by it, and the hold becomes what it says."""
    same = Hold.objects.filter(pk=hold.pk, state=hold.state, amount=hold.amount)
    if not same.update(state=state, amount=amount):
        raise RuntimeError(f"hold {hold.pk} was changed without its lock")
    purse = put(hold.purse_id, reserved=entry.reserved, charged=entry.charged)
    entry.generation, entry.purse = hold.generation, purse
    entry.balance, entry.limit = purse.used, purse.limit
    entry.save()


def _not_negative(amount: Decimal) -> Decimal:
    figure = exact(amount)
    if figure < 0:
        raise ValueError(f"not an amount of credits: {amount}")
    return figure
