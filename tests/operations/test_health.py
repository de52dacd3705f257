"""Probes: what they say when all is well, and when something is not."""

import json
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from evolink_studio.generations.models import Heartbeat
from evolink_studio.generations.services import record_heartbeat

PLENTY_BYTES = 10 * 1024**3


@pytest.fixture
def live_worker(db):
    """A worker with a fresh heartbeat."""
    record_heartbeat(worker="anvil", disk_free_bytes=PLENTY_BYTES, now=timezone.now())


def get_readiness(client, **headers) -> tuple[int, dict[str, str]]:
    answer = client.get("/readyz", **headers)
    report = json.loads(answer.content)
    assert report["ready"] == (answer.status_code == 200)
    return answer.status_code, report["checks"]


def raise_database_error(*_):
    raise OperationalError("password=hunter2 was refused")


def test_a_living_process_says_so_without_a_database(client):
    assert client.get("/healthz").status_code == 200


def test_a_cookie_does_not_make_a_probe_ask_the_database(client, settings):
    client.cookies[settings.SESSION_COOKIE_NAME] = "0123456789abcdefghijklmnopqrstuv"
    assert client.get("/healthz").status_code == 200


def test_a_working_studio_is_ready(client, live_worker):
    assert get_readiness(client) == (
        200,
        dict.fromkeys(("database", "migrations", "worker", "disk"), "ok"),
    )


def test_asking_is_cheap(client, live_worker, django_assert_max_num_queries):
    client.get("/readyz")
    with django_assert_max_num_queries(3):
        client.get("/readyz")


def test_a_silent_worker_is_told(client, live_worker):
    Heartbeat.objects.update(seen_at=timezone.now() - timedelta(seconds=45))
    status, checks = get_readiness(client)
    assert (status, checks["worker"]) == (503, "silent for 45 s")


def test_one_living_worker_is_enough(client, live_worker):
    record_heartbeat(
        worker="bellows", disk_free_bytes=PLENTY_BYTES, now=timezone.now() - timedelta(seconds=90)
    )
    assert get_readiness(client)[0] == 200


def test_a_studio_whose_worker_never_started_is_not_ready(client, db):
    status, checks = get_readiness(client)
    assert (status, checks["worker"]) == (503, "none was ever heard of")


def test_a_full_disk_of_a_worker_is_told(client, db):
    record_heartbeat(worker="anvil", disk_free_bytes=120 * 1024**2, now=timezone.now())
    status, checks = get_readiness(client)
    assert (status, checks["disk"]) == (503, "only 120 MB are free of the 300 MB needed")


def test_a_full_disk_of_a_worker_that_is_gone_is_not_counted(client, live_worker):
    record_heartbeat(worker="bellows", disk_free_bytes=0, now=timezone.now() - timedelta(hours=2))
    assert get_readiness(client)[1]["disk"] == "ok"


def test_a_data_folder_that_is_gone_is_told(client, live_worker, settings, tmp_path):
    settings.DATA_DIR = tmp_path / "unmounted"
    status, checks = get_readiness(client)
    assert (status, checks["disk"]) == (503, "the data folder cannot be looked at")


def test_a_missing_migration_is_told(client, live_worker):
    applied = MigrationRecorder(connection).migration_qs
    applied.filter(pk=applied.filter(app="library").latest("id").pk).delete()
    status, checks = get_readiness(client)
    assert (status, checks["database"]) == (503, "ok")
    assert checks["migrations"] == "not applied: run manage.py migrate"


def test_a_database_that_is_away_is_told_in_our_own_words(client, db):
    with connection.execute_wrapper(raise_database_error):
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert json.loads(answer.content)["checks"]["database"] == "does not answer"
    assert b"hunter2" not in answer.content


def test_a_probe_may_come_to_a_bare_address(client, live_worker):
    assert get_readiness(client, headers={"host": "10.1.2.3:8000"})[0] == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_are_only_read_and_never_kept(client, live_worker, path):
    assert client.post(path).status_code == 405
    assert "no-store" in client.get(path).headers["Cache-Control"]
    assert "Set-Cookie" not in client.get(path).headers
