"""EvoLink names other figures than we expected: the book says what it says."""

from decimal import Decimal

import pytest

from evolink_studio.credits.exceptions import SpendingDenied
from evolink_studio.credits.models import Allowance, AllowanceBalance
from tests.factories import UserFactory
from tests.faults.conftest import SIZE
from tests.faults.journeys import all_is_cleared, fresh, journey, link
from tests.faults.table import tally

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
__all__ = ["journey", "link"]  # fixtures


AMOUNTS = [Decimal(a) for a in ("0", "0.0001", "5", "25.7", "162", "162.0001", "400")]


def test_the_book_says_what_evolink_reserves_and_charges_whatever_we_expected(journey, far, link):
    """Estimate, reserved and charged in every order."""
    figures = [(e, r, u) for e in AMOUNTS for r in AMOUNTS for u in (None, r, r + 3)]
    with tally("Provider: reserved is not the estimate") as counted:
        for estimated, reserved, used in figures[:: 1 if SIZE > 1 else 15]:
            (row,) = journey.press(price=estimated)
            usage = {"credits_reserved": float(reserved)}
            far.create.answers(journey.taken(usage=usage))
            journey.send_all()
            assert fresh(row).credits_reserved == reserved
            assert AllowanceBalance.objects.get().credits_reserved == reserved
            more = {} if used is None else {"credits_used": float(used)}
            far.finish(journey.task_of(row), link)
            far.move(journey.task_of(row), usage=usage | more)
            journey.until_all_ended()
            assert fresh(row).credits_charged == (reserved if used is None else used)
            counted.cases += 1
        all_is_cleared(far)


def test_over_the_allowance_by_evolinks_own_figure_nothing_more_is_sold(journey, far, link):
    eve = UserFactory()
    Allowance.objects.create(user=eve, credits_limit=Decimal(100), period="none")
    with tally("Provider: reserved is not the estimate") as counted:
        (row,) = journey.press(price=Decimal(10), by=eve)
        far.create.answers(journey.taken(usage={"credits_reserved": 400}))
        journey.send_all()
        purse = AllowanceBalance.objects.get(allowance__user=eve)
        assert (purse.credits_reserved, purse.credits_limit) == (400, 100)
        with pytest.raises(SpendingDenied):
            journey.press(price=Decimal(1), by=eve)
        journey.ends([row], link)
        journey.until_all_ended()
        counted.cases += 1
        all_is_cleared(far)
