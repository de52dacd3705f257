"""One press is one generation: however often, from however many tabs, it is sent."""

import threading
import uuid

import pytest
from django.db import connection

from evolink_studio.catalog import get_spec
from evolink_studio.generations.models import ChangeFeed, Draft, Generation
from evolink_studio.generations.services import CreateResult, IdempotencyConflict, create_generation
from tests.factories import NOW, VEO, AssetFactory, UserFactory

PARAMS = {"prompt": "A cat playing piano", "quality": "720p"}


def create_with_key(owner, form_key, params=PARAMS, assets=()) -> CreateResult:
    return create_generation(
        owner=owner,
        spec=get_spec(VEO),
        params=params,
        assets=assets,
        form_key=form_key,
        credits_estimated=None,
        now=NOW,
    )


@pytest.mark.django_db(transaction=True)
def test_fifty_presses_at_once_are_one_generation(ada):
    key, start = uuid.uuid4(), threading.Barrier(50)
    results: list[CreateResult | Exception] = []

    def click() -> None:
        start.wait()
        try:
            results.append(create_with_key(ada, key))
        except Exception as error:  # checked by the assertion below, in the thread of the test
            results.append(error)
        connection.close()

    threads = [threading.Thread(target=click) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [type(result) for result in results] == [CreateResult] * 50
    assert {result.generation.pk for result in results} == {Generation.objects.get().pk}
    assert sum(result.is_new for result in results) == 1


@pytest.mark.django_db
class TestOneUser:
    def test_a_second_press_returns_the_same_generation(self, ada):
        key = uuid.uuid4()
        first, second = (
            create_with_key(ada, key),
            create_with_key(ada, key, dict(reversed(PARAMS.items()))),
        )
        assert (first.is_new, second.is_new) == (True, False)
        assert first.generation == second.generation

    @pytest.mark.parametrize("change", [{"prompt": "A dog"}, {"quality": "4k"}, {"extra": None}])
    def test_the_same_form_with_other_content_is_refused_and_stores_nothing(self, ada, change):
        key = uuid.uuid4()
        create_with_key(ada, key)
        with pytest.raises(IdempotencyConflict):
            create_with_key(ada, key, {**PARAMS, **change})
        assert Generation.objects.get().params == PARAMS

    def test_another_form_with_the_same_content_is_another_generation(self, ada):
        create_with_key(ada, uuid.uuid4())
        create_with_key(ada, uuid.uuid4())
        assert Generation.objects.count() == 2

    def test_a_form_key_belongs_to_its_user(self, ada):
        key, eve = uuid.uuid4(), UserFactory()
        create_with_key(ada, key)
        assert create_with_key(eve, key, {"prompt": "Something else"}).is_new
        assert set(Generation.objects.values_list("owner", flat=True)) == {ada.pk, eve.pk}

    def test_what_is_stored_can_be_sent_at_once_and_is_told_to_the_page(self, ada):
        picture = AssetFactory(owner=ada)
        generation = create_with_key(ada, uuid.uuid4(), assets=[picture]).generation
        assert (
            generation.state,
            generation.next_attempt_at,
            generation.charge,
            generation.task_id,
        ) == (
            "queued",
            NOW,
            "none",
            None,
        )
        assert list(generation.inputs.all()) == [picture]
        assert (
            generation.changed_version
            == generation.created_version
            == ChangeFeed.objects.get(pk=ada.pk).version
        )

    def test_a_draft_that_was_sent_is_a_draft_no_more(self, ada):
        for model in (VEO, "sora-2-preview"):
            Draft.objects.create(owner=ada, model_id=model, values={"prompt": "x"}, saved_at=NOW)
        create_with_key(ada, uuid.uuid4())
        assert Draft.objects.get().model_id == "sora-2-preview"
