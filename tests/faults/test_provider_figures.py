"""EvoLink names other figures than we expected: the ledger says the same."""

from decimal import Decimal

import pytest

from evolink_studio.credits.exceptions import SpendingDenied
from evolink_studio.credits.models import Allowance, AllowanceBalance
from tests.factories import UserFactory
from tests.faults.conftest import FAULTS_SIZE
from tests.faults.lifecycle import assert_all_cleared, reload
from tests.faults.report import count_cases

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


CREDIT_AMOUNTS = [Decimal(a) for a in ("0", "0.0001", "5", "25.7", "162", "162.0001", "400")]


def test_the_ledger_says_what_evolink_reserves_and_charges_whatever_we_expected(
    lifecycle, fake_provider, video_url
):
    """Estimate, reserved and charged in every order."""
    figures = [(e, r, u) for e in CREDIT_AMOUNTS for r in CREDIT_AMOUNTS for u in (None, r, r + 3)]
    with count_cases("Provider: reserved is not the estimate") as case_counter:
        for estimate, reserved, used_credits in figures[:: 1 if FAULTS_SIZE > 1 else 15]:
            (row,) = lifecycle.create_generations(credits_estimated=estimate)
            usage = {"credits_reserved": float(reserved)}
            fake_provider.create.reply_next(lifecycle.make_task_reply_now(usage=usage))
            lifecycle.dispatch_all()
            assert reload(row).credits_reserved == reserved
            assert AllowanceBalance.objects.get().credits_reserved == reserved
            fields = {} if used_credits is None else {"credits_used": float(used_credits)}
            fake_provider.complete_task(lifecycle.task_id_of(row), video_url)
            fake_provider.update_task(lifecycle.task_id_of(row), usage=usage | fields)
            lifecycle.run_until_all_ended()
            assert reload(row).credits_charged == (
                reserved if used_credits is None else used_credits
            )
            case_counter.cases += 1
        assert_all_cleared(fake_provider)


def test_over_the_allowance_by_evolinks_own_amount_nothing_more_is_sold(
    lifecycle, fake_provider, video_url
):
    eve = UserFactory()
    Allowance.objects.create(user=eve, credits_limit=Decimal(100), period="none")
    with count_cases("Provider: reserved is not the estimate") as case_counter:
        (row,) = lifecycle.create_generations(credits_estimated=Decimal(10), owner=eve)
        fake_provider.create.reply_next(
            lifecycle.make_task_reply_now(usage={"credits_reserved": 400})
        )
        lifecycle.dispatch_all()
        balance = AllowanceBalance.objects.get(allowance__user=eve)
        assert (balance.credits_reserved, balance.credits_limit) == (400, 100)
        with pytest.raises(SpendingDenied):
            lifecycle.create_generations(credits_estimated=Decimal(1), owner=eve)
        lifecycle.end_tasks([row], video_url)
        lifecycle.run_until_all_ended()
        case_counter.cases += 1
        assert_all_cleared(fake_provider)
