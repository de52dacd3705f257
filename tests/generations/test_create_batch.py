"""One press for several films: all of them are stored and paid for once, or none is."""

import threading
import uuid
from decimal import Decimal
from functools import partial

import pytest
from django.db import connection

from evolink_studio.catalog import get_spec
from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.credits.exceptions import AllowanceExceeded
from evolink_studio.credits.models import Allowance, AllowanceBalance, LedgerEntry, Reservation
from evolink_studio.generations.models import Batch, ChangeFeed, Draft, Generation
from evolink_studio.generations.services import (
    BatchResult,
    FilesDeleted,
    GenerationRequest,
    IdempotencyConflict,
    create_batch,
    create_generation,
    create_takes,
)
from tests.factories import NOW, VEO, AssetFactory, UserFactory

PARAMS = {"prompt": "A cat playing piano", "quality": "720p"}


def build_request(params=PARAMS, *, assets=(), credits: int | None = 27) -> GenerationRequest:
    return GenerationRequest(
        spec=get_spec(VEO),
        params=params,
        assets=assets,
        credits_estimated=None if credits is None else Decimal(credits),
    )


def press(owner, key, count=4, request=None) -> BatchResult:
    return create_takes(
        owner=owner, request=request or build_request(), count=count, form_key=key, now=NOW
    )


def press_once(owner, key):
    return create_generation(
        owner=owner,
        spec=get_spec(VEO),
        params=PARAMS,
        assets=(),
        form_key=key,
        credits_estimated=Decimal(27),
        now=NOW,
    )


def limit_credits(owner, credits: int) -> Allowance:
    Allowance.objects.all().delete()
    return Allowance.objects.create(user=owner, credits_limit=Decimal(credits), period="month")


def run_together(*calls) -> list:
    """What each call returns or raises, all at the same moment on connections of their own."""
    start = threading.Barrier(len(calls))
    results: list = []

    def run(call) -> None:
        start.wait()
        try:
            results.append(call())
        except Exception as error:  # the test looks at it, in its own thread
            results.append(error)
        connection.close()

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def assert_nothing_stored() -> None:
    assert not Generation.objects.exists()
    assert not Batch.objects.exists()
    assert not LedgerEntry.objects.exists()
    assert not AllowanceBalance.objects.exclude(credits_reserved=0).exists()


@pytest.mark.django_db
class TestTakes:
    def test_one_press_stores_all_takes_with_their_credits(self, ada):
        limit_credits(ada, 1000)
        picture = AssetFactory(owner=ada)
        Draft.objects.create(owner=ada, model_id=VEO, values={"prompt": "x"}, saved_at=NOW)
        result = press(ada, uuid.uuid4(), request=build_request(assets=[picture]))
        rows = list(Generation.objects.order_by("pk"))
        assert result.is_new
        assert rows == list(result.generations)
        assert {(row.batch, row.state, row.credits_held) for row in rows} == {
            (result.batch, "queued", Decimal(27))
        }
        assert {row.changed_version for row in rows} == {ChangeFeed.objects.get().version}
        assert [list(row.inputs.all()) for row in rows] == [[picture]] * 4
        assert AllowanceBalance.objects.get().credits_reserved == 108
        used = LedgerEntry.objects.order_by("generation_id").values_list("credits_used_after")
        assert [credits for (credits,) in used] == [27, 54, 81, 108]
        assert not Draft.objects.exists()
        assert not audit_ledger_with_generations().findings

    def test_of_an_allowance_for_three_no_take_is_stored(self, ada):
        limit_credits(ada, 100)
        with pytest.raises(AllowanceExceeded) as denial:
            press(ada, uuid.uuid4())
        assert (denial.value.credits_needed, denial.value.available) == (108, 100)
        assert_nothing_stored()

    def test_every_allowance_must_hold_all_takes(self, ada):
        limit_credits(ada, 1000)
        Allowance.objects.create(credits_limit=Decimal(100), period="month", is_shared=True)
        with pytest.raises(AllowanceExceeded):
            press(ada, uuid.uuid4())
        assert_nothing_stored()

    def test_takes_of_unknown_price_reserve_the_worst_case_of_each(self, ada):
        allowance = limit_credits(ada, 100)
        Allowance.objects.filter(pk=allowance.pk).update(unknown_price_credits=Decimal(30))
        press(ada, uuid.uuid4(), 3, build_request(credits=None))
        assert set(Generation.objects.values_list("credits_held", flat=True)) == {Decimal(30)}
        assert AllowanceBalance.objects.get().credits_reserved == 90

    def test_a_second_press_returns_the_same_takes(self, ada):
        key = uuid.uuid4()
        first, second = press(ada, key), press(ada, key)
        assert (first.is_new, second.is_new) == (True, False)
        assert (first.batch, first.generations) == (second.batch, second.generations)
        assert (
            LedgerEntry.objects.count()
            == 4 * Reservation.objects.values("balance").distinct().count()
        )

    @pytest.mark.parametrize(("count", "params"), [(3, PARAMS), (4, {**PARAMS, "prompt": "A dog"})])
    def test_the_same_form_with_another_number_or_content_is_refused(self, ada, count, params):
        key = uuid.uuid4()
        press(ada, key)
        with pytest.raises(IdempotencyConflict):
            press(ada, key, count, build_request(params))
        assert Generation.objects.count() == 4

    def test_a_form_is_sent_as_one_film_or_as_takes_never_as_both(self, ada):
        one, four = uuid.uuid4(), uuid.uuid4()
        press_once(ada, one)
        with pytest.raises(IdempotencyConflict):
            press(ada, one)
        press(ada, four)
        with pytest.raises(IdempotencyConflict):
            press_once(ada, four)
        assert Generation.objects.count() == 5

    def test_a_form_key_belongs_to_its_user(self, ada):
        key = uuid.uuid4()
        press(ada, key)
        assert press(UserFactory(), key).is_new
        assert Batch.objects.count() == 2

    def test_a_picture_deleted_meanwhile_stores_nothing(self, ada):
        picture = AssetFactory(owner=ada)
        request = build_request(assets=[picture])
        type(picture).objects.filter(pk=picture.pk).delete()
        with pytest.raises(FilesDeleted):
            press(ada, uuid.uuid4(), request=request)
        assert_nothing_stored()

    def test_a_batch_of_two_hundred_asks_the_ledger_as_often_as_one(
        self, ada, django_assert_max_num_queries
    ):
        requests = [build_request({**PARAMS, "prompt": f"Film {n}"}) for n in range(200)]
        with django_assert_max_num_queries(60):
            create_batch(
                owner=ada,
                kind=Batch.Kind.TABLE,
                requests=requests,
                form_key=uuid.uuid4(),
                now=NOW,
            )
        prompts = Generation.objects.order_by("pk").values_list("prompt", flat=True)
        assert list(prompts) == [f"Film {n}" for n in range(200)]


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_fifty_presses_at_once_are_one_batch(self, ada):
        key = uuid.uuid4()
        results = run_together(*[lambda: press(ada, key)] * 50)
        assert [type(result) for result in results] == [BatchResult] * 50
        assert {result.batch.pk for result in results} == {Batch.objects.get().pk}
        assert Generation.objects.count() == 4
        assert sum(result.is_new for result in results) == 1

    def test_one_film_and_takes_of_the_same_form_at_once_are_one_of_them(self, ada):
        for _ in range(5):
            key = uuid.uuid4()
            results = run_together(partial(press, ada, key), partial(press_once, ada, key))
            (refused,) = [result for result in results if isinstance(result, Exception)]
            assert isinstance(refused, IdempotencyConflict)
            batches = Batch.objects.filter(form_key=key).count()
            first_row = Generation.objects.get(form_key=key)
            assert (first_row.batch is not None) == bool(batches)

    def test_presses_at_once_on_an_allowance_for_one_of_them_store_one(self, ada):
        limit_credits(ada, 130)
        results = run_together(*[lambda: press(ada, uuid.uuid4())] * 8)
        assert sorted(type(result).__name__ for result in results) == [
            *["AllowanceExceeded"] * 7,
            "BatchResult",
        ]
        assert Generation.objects.count() == 4
        assert AllowanceBalance.objects.get().credits_reserved == 108
        assert not audit_ledger_with_generations().findings
