"""Asking for a file, and getting it: who asked for it, the owner, and nobody else."""

import pytest
from django.test import Client
from django.utils import timezone

from evolink_studio.accounts.models import User
from evolink_studio.exports import responses
from evolink_studio.exports.admin import export_badge
from evolink_studio.exports.models import Export
from evolink_studio.exports.presenters import describe_state
from tests.exports.conftest import (
    EXPORTS_URL,
    PERIOD,
    ROW_COUNT,
    USAGE_CSV_URL,
    list_stored,
    make_all,
    read_rows,
)
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff_client(client, staff) -> Client:
    client.force_login(staff, "django.contrib.auth.backends.ModelBackend")
    return client


def ask(staff_client: Client):
    """Follow the link of the page, and press the button."""
    answer = staff_client.get(USAGE_CSV_URL)
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"{EXPORTS_URL}new/?")
    page = staff_client.get(answer["Location"])
    assert page.status_code == 200
    fields = {"source": page.context["source"].name, "query": page.context["query"]}
    return staff_client.post(f"{EXPORTS_URL}new/", fields, follow=True)


def download(staff_client: Client, export: Export, **headers):
    return staff_client.get(f"{EXPORTS_URL}{export.pk}/download/", headers=headers)


def test_a_short_list_is_answered_at_once_and_says_its_length(staff_client, generations):
    answer = staff_client.get(USAGE_CSV_URL)
    content = b"".join(answer.streaming_content)
    assert len(read_rows(content)) == ROW_COUNT + 1
    assert answer["Content-Length"] == str(len(content))
    assert not Export.objects.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("MAX_DIRECT_ROWS", ROW_COUNT - 1), ("MAX_DIRECT_BYTES", 10), ("MAX_DIRECT_SECONDS", -1.0)],
)
def test_what_is_long_or_large_or_slow_is_never_answered_in_part(
    staff_client, generations, monkeypatch, name, value
):
    monkeypatch.setattr(responses, name, value)
    answer = staff_client.get(USAGE_CSV_URL)
    assert (answer.status_code, answer.content) == (302, b"")


def test_a_long_list_is_made_by_the_worker(staff_client, generations, small_batches, clock):
    page = ask(staff_client)
    assert "The worker makes usage-2026-11-01-2026-11-30.csv now." in page.content.decode()
    assert page.headers["Refresh"], "the page shows how far it is"
    clock.now = timezone.now()
    assert make_all(clock) == 1
    export = Export.objects.get()
    page = staff_client.get(EXPORTS_URL)
    assert "Refresh" not in page.headers
    assert f"{EXPORTS_URL}{export.pk}/download/" in page.content.decode()
    answer = download(staff_client, export)
    assert len(read_rows(b"".join(answer.streaming_content))) == ROW_COUNT + 1
    assert answer["Content-Disposition"] == f'attachment; filename="{export.filename}"'
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert {"private", "no-store"} <= set(answer["Cache-Control"].split(", "))


def test_a_download_that_broke_off_goes_on(staff_client, export, clock):
    make_all(clock)
    export.refresh_from_db()
    whole = b"".join(download(staff_client, export).streaming_content)
    answer = download(staff_client, export, range="bytes=100-")
    assert answer.status_code == 206
    assert b"".join(answer.streaming_content) == whole[100:]


def test_pressing_twice_makes_one_file(staff_client, generations, small_batches):
    ask(staff_client)
    assert "already" in ask(staff_client).content.decode()
    assert Export.objects.count() == 1


def test_asking_needs_a_post(staff_client, generations, small_batches):
    staff_client.get(f"{EXPORTS_URL}new/?source=usage&query={PERIOD.replace('&', '%26')}")
    assert not Export.objects.exists()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"source": "passwords"}, 404),
        ({}, 404),
        ({"source": "usage", "query": "created_from=x"}, 400),
        ({"source": "ledger", "query": "callback_token__startswith=a"}, 400),
        ({"source": "ledger", "query": "actor__password__startswith=a"}, 400),
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_what_no_page_shows_is_not_exported(staff_client, fields, status, method):
    answer = getattr(staff_client, method)(f"{EXPORTS_URL}new/", fields)
    assert answer.status_code == status
    assert not Export.objects.exists()


def test_others_neither_see_nor_get_nor_delete_it(export, clock, client):
    make_all(clock)
    export.refresh_from_db()
    client.force_login(
        UserFactory(username="other", is_staff=True), "django.contrib.auth.backends.ModelBackend"
    )
    assert export.filename not in client.get(EXPORTS_URL).content.decode()
    assert download(client, export).status_code == 404
    client.post(f"{EXPORTS_URL}{export.pk}/delete/", {"post": "yes"})
    form = {"action": "delete_selected", "_selected_action": [export.pk], "post": "yes"}
    client.post(EXPORTS_URL, form)
    assert Export.objects.exists()
    assert len(list_stored()) == 1


def test_the_owner_sees_and_gets_all(export, clock, client):
    make_all(clock)
    export.refresh_from_db()
    owner = User.objects.create_superuser("root")
    client.force_login(owner, "django.contrib.auth.backends.ModelBackend")
    assert export.filename in client.get(EXPORTS_URL).content.decode()
    assert download(client, export).status_code == 200
    export.refresh_from_db()
    assert export.downloaded_at is None, "who asked for it has not got it"


@pytest.mark.parametrize("change", [{"is_staff": False}, {"is_active": False}])
def test_who_lost_the_permission_does_not_get_what_was_made(export, clock, client, staff, change):
    make_all(clock)
    export.refresh_from_db()
    client.force_login(staff, "django.contrib.auth.backends.ModelBackend")
    assert download(client, export).status_code == 200
    User.objects.filter(pk=staff.pk).update(**change)
    assert download(client, export).status_code == 302


def test_what_is_not_ready_is_not_found(staff_client, export):
    assert download(staff_client, export).status_code == 404


@pytest.mark.parametrize("is_list", [True, False])
def test_deleting_it_deletes_its_file(staff_client, export, clock, is_list):
    make_all(clock)
    assert len(list_stored()) == 1
    if is_list:
        form = {"action": "delete_selected", "_selected_action": [export.pk], "post": "yes"}
        staff_client.post(EXPORTS_URL, form)
    else:
        staff_client.post(f"{EXPORTS_URL}{export.pk}/delete/", {"post": "yes"})
    assert not Export.objects.exists()
    assert list_stored() == []


def test_the_sidebar_says_what_is_ready_until_it_was_downloaded(staff_client, export, clock, staff):
    request = staff_client.get(EXPORTS_URL).wsgi_request
    assert export_badge(request) == ""
    make_all(clock)
    assert export_badge(request) == "1"
    export.refresh_from_db()
    download(staff_client, export)
    assert export_badge(request) == ""


def test_the_page_says_how_far_each_one_is(export):
    assert describe_state(export) == "Waits for the worker."
    export.state = Export.State.RUNNING
    assert describe_state(export) == "Counts the lines."
    export.row_count, export.written_count = 3_000_000, 1_000_000
    assert describe_state(export) == "33 %: 1,000,000 of 3,000,000 lines"
    export.state, export.failure = Export.State.FAILED, Export.Failure.DISK_FULL
    assert "disk is full" in describe_state(export)


USAGE_URL = f"/admin/generations/generation/usage/?{PERIOD}"


def test_the_page_where_it_was_asked_announces_it(staff_client, export, clock):
    assert (
        f"{export.filename}: Waits for the worker." in staff_client.get(USAGE_URL).content.decode()
    )
    make_all(clock)
    page = staff_client.get(USAGE_URL).content.decode()
    assert f"{export.filename}: {ROW_COUNT} lines" in page
    assert f"{EXPORTS_URL}{export.pk}/download/" in page
    assert export.filename not in staff_client.get("/admin/credits/ledgerentry/").content.decode()
    download(staff_client, Export.objects.get())
    assert export.filename not in staff_client.get(USAGE_URL).content.decode()
