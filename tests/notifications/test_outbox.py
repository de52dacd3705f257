"""What is told to whom, when, and how often: by mail and by webhook."""

import json
from datetime import UTC, datetime, time, timedelta

import pytest
from asgiref.sync import async_to_sync

from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from evolink_studio.notifications import services
from evolink_studio.notifications.delivery import build_mail, build_webhook, sign
from evolink_studio.notifications.models import Notification, NotificationSettings
from evolink_studio.worker import deliveries
from tests.factories import NOW, GenerationFactory, UserFactory

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
HOOK_URL = "https://hooks.example/studio"


def make_person(**changes):
    person = UserFactory(email="ada@example.com")
    values = {
        "in_browser": False,
        "with_sound": False,
        "by_mail": True,
        "webhook_url": "",
        "quiet_from": None,
        "quiet_until": None,
        "time_zone": "UTC",
    }
    services.set_notifications(owner=person, **{**values, **changes})
    return person


def end(owner, state=State.COMPLETED, *, now=NOW, **fields):
    generation = GenerationFactory(owner=owner, state=State.RUNNING, **fields)
    if state == State.COMPLETED:
        generation.state = State.SAVING
        generation.save(update_fields=["state"])
    assert transition(generation, state, now=now)
    return generation


def test_an_end_is_told_on_the_chosen_channels_and_to_nobody_else():
    end(make_person())
    end(UserFactory(email="quiet@example.com"))
    end(make_person(by_mail=False, webhook_url=HOOK_URL), State.FAILED)
    rows = Notification.objects.order_by("pk").values_list("channel", "kind")
    assert list(rows) == [("mail", "finished"), ("webhook", "failed")]


def test_what_a_person_cancelled_is_not_told():
    owner = make_person()
    assert transition(GenerationFactory(owner=owner, state=State.QUEUED), State.CANCELLED, now=NOW)
    assert not Notification.objects.exists()


def test_one_mail_tells_of_all_that_ended_together_and_the_next_comes_ten_minutes_later():
    owner = make_person()
    end(owner)
    end(owner, State.FAILED, now=NOW + MINUTE / 2)
    assert services.lease_next(now=NOW + MINUTE / 2) is None
    leased = services.lease_next(now=NOW + MINUTE)
    assert [row.kind for row in leased.notifications] == ["finished", "failed"]
    services.finish(leased, now=NOW + MINUTE)
    end(owner, now=NOW + 2 * MINUTE)
    assert services.lease_next(now=NOW + 10 * MINUTE) is None
    assert services.lease_next(now=NOW + 11 * MINUTE) is not None


def test_two_workers_never_tell_the_same_twice_and_a_killed_ones_work_comes_back():
    end(make_person())
    now = NOW + MINUTE
    assert services.lease_next(now=now) is not None
    assert services.lease_next(now=now) is None
    assert services.lease_next(now=now + services.LEASE_DURATION) is not None


def test_a_webhook_that_does_not_arrive_is_tried_for_a_day_and_its_owner_sees_why():
    owner = make_person(by_mail=False, webhook_url=HOOK_URL)
    end(owner)
    now, tries = NOW, 0
    while (leased := services.lease_next(now=now)) is not None:
        tries += 1
        services.retry_later(leased, failure="Answered 500", now=now)
        next_at = Notification.objects.get().next_attempt_at
        if next_at is None:
            break
        now = next_at
    assert tries == len(services.RETRY_GAPS) + 1
    assert timedelta(hours=23) < now - NOW < timedelta(hours=25)
    assert NotificationSettings.objects.get(owner=owner).webhook_failure == "Answered 500"


def test_what_is_no_longer_wanted_is_dropped():
    owner = make_person()
    end(owner)
    NotificationSettings.objects.filter(owner=owner).update(by_mail=False)
    assert services.lease_next(now=NOW + MINUTE) is None
    assert not Notification.objects.exists()


@pytest.mark.parametrize(
    ("quiet_from", "quiet_until", "zone", "moment", "told_at"),
    [
        ("22:00", "07:00", "UTC", "2026-11-20T23:00", "2026-11-21T07:00"),
        ("22:00", "07:00", "UTC", "2026-11-20T06:59", "2026-11-20T07:00"),
        ("22:00", "07:00", "UTC", "2026-11-20T07:00", "2026-11-20T07:00"),
        ("12:00", "13:00", "UTC", "2026-11-20T12:30", "2026-11-20T13:00"),
        ("22:00", "07:00", "Europe/Berlin", "2026-11-20T21:30", "2026-11-21T06:00"),
        # The clock goes back that night: seven in the morning is one hour later.
        ("22:00", "07:00", "Europe/Berlin", "2026-10-24T21:00", "2026-10-25T06:00"),
        ("22:00", "22:00", "UTC", "2026-11-20T23:00", "2026-11-20T23:00"),
        ("22:00", "07:00", "No/Where", "2026-11-20T23:00", "2026-11-21T07:00"),
    ],
)
def test_quiet_hours_are_those_of_the_persons_clock(quiet_from, quiet_until, zone, moment, told_at):
    row = NotificationSettings(
        quiet_from=time.fromisoformat(quiet_from),
        quiet_until=time.fromisoformat(quiet_until),
        time_zone=zone,
    )
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert services.find_end_of_quiet(row, at) == datetime.fromisoformat(told_at).replace(
        tzinfo=UTC
    )


def test_a_mail_names_film_and_reason_in_the_persons_language_and_leads_to_it():
    owner = make_person()
    film = end(owner, prompt="A cat\nplays  the piano")
    end(owner, State.FAILED, title="Opening", error_code="content_policy_violation")
    leased = services.lease_next(now=NOW + MINUTE)
    subject, body = build_mail(leased, address="https://studio.example")
    assert subject == "EvoLink Studio: 1 film is ready, 1 film failed"
    first, second, *_rest = body.splitlines()
    assert first == f"“A cat plays the piano” is ready: https://studio.example/films/{film.pk}/"
    assert second.startswith("“Opening” failed. Why, and whether anything was charged: https://")
    assert "https://studio.example/account/notifications/" in body


def test_a_webhook_is_signed_over_id_time_and_body_and_holds_no_prompt_beyond_the_title():
    owner = make_person(by_mail=False, webhook_url=HOOK_URL)
    generation = end(owner, prompt="A cat " + "very " * 50 + "secret")
    leased = services.lease_next(now=NOW)
    body, headers = build_webhook(leased, address="https://studio.example", now=NOW)
    data = json.loads(body)
    assert data["type"] == "generation.finished"
    assert data["data"]["id"] == generation.pk
    assert "secret" not in body.decode()
    secret = NotificationSettings.objects.get(owner=owner).webhook_secret
    assert headers["webhook-signature"] == sign(
        secret, headers["webhook-id"], str(int(NOW.timestamp())), body
    )


def test_the_signature_is_that_of_the_standards_own_example():
    """From standardwebhooks.com, 2026-11: secret, id, time and body with their signature."""
    signature = sign(
        "whsec_plJ3nmyCDGBKInavdOK15jsl",
        "msg_loFOjxBNrRLzqYUf",
        "1731705121",
        b'{"event_type":"ping","data":{"success":true}}',
    )
    assert signature == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "169.254.169.254", "::1"])
def test_a_webhook_into_a_private_network_is_never_called(address):
    async def resolve(host, port):
        return [address]

    owner = make_person(by_mail=False, webhook_url=HOOK_URL)
    end(owner)
    assert async_to_sync(deliveries.deliver_next)(clock=lambda: NOW, resolver=resolve)
    assert "not a public address" in Notification.objects.get().failure


def test_a_mail_is_sent_and_noted(mailoutbox):
    end(make_person())
    assert async_to_sync(deliveries.deliver_next)(clock=lambda: NOW + MINUTE)
    (mail,) = mailoutbox
    assert mail.to == ["ada@example.com"]
    assert Notification.objects.get().delivered_at == NOW + MINUTE
    assert not async_to_sync(deliveries.deliver_next)(clock=lambda: NOW + MINUTE)


def test_what_was_told_long_ago_is_deleted_and_what_waits_is_not():
    owner = make_person(webhook_url=HOOK_URL)
    end(owner)
    leased = services.lease_next(now=NOW)
    services.finish(leased, now=NOW)
    assert services.delete_expired(now=NOW + services.KEPT_FOR + MINUTE) == 1
    assert Notification.objects.count() == 1
