"""What admins are alerted of, and when: each thing once."""

from datetime import timedelta

import pytest

from evolink_studio.generations.incidents import MAX_ALERTS, claim_new_alerts
from evolink_studio.generations.models import CallbackDelivery
from evolink_studio.generations.states import State
from evolink_studio.worker.notifications import build_alert_mail
from tests.factories import NOW, GenerationFactory, UserFactory

pytestmark = pytest.mark.django_db
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def new_alert_names(after: timedelta) -> list[str]:
    return [incident.type.name for incident in claim_new_alerts(now=NOW + after)]


def test_a_lost_answer_is_told_when_it_did_not_mend_itself_in_a_quarter_of_an_hour():
    GenerationFactory(state=State.UNKNOWN)
    assert new_alert_names(14 * MINUTE) == []
    assert new_alert_names(15 * MINUTE) == ["unknown"]
    assert new_alert_names(16 * MINUTE) == []


def test_a_film_that_is_not_saved_is_told_again_when_half_of_its_links_day_is_over():
    GenerationFactory(state=State.SAVING, results_expire_at=NOW + 24 * HOUR)
    assert new_alert_names(29 * MINUTE) == []
    assert new_alert_names(31 * MINUTE) == ["unsaved"]
    assert new_alert_names(11 * HOUR) == []
    assert new_alert_names(12 * HOUR + MINUTE) == ["expiring"]
    assert new_alert_names(20 * HOUR) == []


def test_reserved_credits_without_news_are_told_after_half_an_hour():
    GenerationFactory(state=State.RUNNING)
    assert new_alert_names(30 * MINUTE) == []
    assert new_alert_names(31 * MINUTE) == ["held"]


@pytest.mark.parametrize(
    "fields",
    [{"progressed_at": NOW + 20 * MINUTE}, {"expected_seconds": 3600}],
    ids=["it still moves", "its model takes that long"],
)
def test_reserved_credits_of_one_that_is_not_late_are_told_after_two_hours(fields):
    GenerationFactory(state=State.RUNNING, **fields)
    assert new_alert_names(45 * MINUTE) == []
    assert new_alert_names(2 * HOUR + MINUTE) == ["held"]


def test_a_refused_callback_is_told_at_once_while_the_generation_is_open():
    for state in (State.RUNNING, State.COMPLETED):
        generation = GenerationFactory(state=state)
        CallbackDelivery.objects.create(
            generation=generation, received_at=NOW, size_bytes=1, rejection="other_task"
        )
    assert new_alert_names(MINUTE) == ["callbacks"]


def test_many_old_ones_that_were_told_do_not_hide_a_new_one():
    user = UserFactory()
    for _number in range(MAX_ALERTS):
        GenerationFactory(state=State.UNKNOWN, owner=user)
    assert len(claim_new_alerts(now=NOW + HOUR)) == MAX_ALERTS
    newest_row = GenerationFactory(state=State.UNKNOWN, owner=user, created_at=NOW + HOUR)
    (alert,) = claim_new_alerts(now=NOW + 2 * HOUR)
    assert alert.generation == newest_row


def test_a_mail_names_each_one_and_what_to_do():
    unknown_row = GenerationFactory(state=State.UNKNOWN, owner=UserFactory(username="ada"))
    subject, body = build_alert_mail(
        claim_new_alerts(now=NOW + HOUR), address="https://studio.example.org"
    )
    assert subject == "EvoLink Studio: 1 to look at"
    assert f"Answer lost: generation {unknown_row.pk} (veo3.1-pro) of ada" in body
    assert "never sent again by itself" in body
    assert "https://studio.example.org/admin/generations/generation/" in body
