"""Cuts: asked for, made by the worker, kept as a film; nothing of it costs or sends anything."""

import asyncio
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync
from django.urls import reverse
from django.utils import timezone

from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.films import cuts
from evolink_studio.films.cuts import CutPart
from evolink_studio.films.models import Cut
from evolink_studio.generations.models import Charge, Generation, UsageRollup
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset
from evolink_studio.projects.models import Project
from evolink_studio.worker import cuts as worker_cuts
from evolink_studio.worker.cuts import make_next_cut
from tests.factories import AssetFactory, UserFactory
from tests.sample_films import make_clip, make_film

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner():
    return UserFactory()


@pytest.fixture
def film(owner):
    return make_film(owner, title="The hero shot")


def clip_of(film: Generation) -> Asset:
    return film.results.get().asset


def part_of(film: Generation, begin="0", end="1") -> CutPart:
    return CutPart(clip_of(film).pk, Decimal(begin), Decimal(end))


def ask(owner, *parts: CutPart, title="The trailer") -> Cut:
    return cuts.create_cut(owner=owner, title=title, parts=parts, now=timezone.now())


def work(*, is_stopping=lambda: False, clock=timezone.now) -> bool:
    async def run() -> bool:
        async with asyncio.timeout(60):
            return await make_next_cut(clock=clock, is_stopping=is_stopping)

    return async_to_sync(run)()


def test_a_cut_becomes_a_film_among_the_others_that_cost_nothing(owner, film):
    project = Project.objects.create(owner=owner, name="Harbour", created_at=timezone.now())
    Generation.objects.filter(pk=film.pk).update(project=project)
    loud = make_film(owner, clip=make_clip(owner, is_loud=True), prompt="Waves")
    cut = ask(owner, part_of(film, "0.5", "1.5"), part_of(loud))
    assert work()
    cut.refresh_from_db()
    assert (cut.state, cut.progress) == ("ready", 100)
    made = cut.generation
    assert (made.model_id, made.title, made.state) == ("cut", "The trailer", State.COMPLETED)
    assert (made.charge, made.task_id, made.credits_charged) == (Charge.NONE, None, None)
    assert (made.project, made.seconds, made.has_sound) == (project, 2, True)
    assert [part["title"] for part in made.params["parts"]] == ["The hero shot", "Waves"]
    asset = made.results.get().asset
    assert asset.origin == Asset.Origin.RESULT
    assert float(asset.seconds) == pytest.approx(2, abs=0.12)
    assert {clip_of(film), clip_of(loud)} == set(made.inputs.all())
    findings = audit_ledger_with_generations().findings
    assert made.pk not in {finding.generation_id for finding in findings}
    assert not UsageRollup.objects.filter(model_id="cut").exclude(credits_charged=0).exists()
    assert not work()  # nothing else is due


def test_pages_show_a_cut_by_name_and_offer_no_settings_of_it(owner, film, client):
    ask(owner, part_of(film))
    work()
    client.force_login(owner, "django.contrib.auth.backends.ModelBackend")
    made = Generation.objects.get(model_id="cut")
    page = client.get(reverse("films")).content.decode()
    assert "Cut" in page
    assert f"from={made.pk}" not in page
    for path in ("/", f"/create/veo3.1-pro/?show={made.pk}", f"/create/veo3.1-pro/?from={made.pk}"):
        assert client.get(path, follow=True).status_code == 200


def test_the_stage_and_the_rail_name_a_cut_by_its_title_and_offer_to_change_it(owner, film, client):
    cut = ask(owner, part_of(film))
    work()
    client.force_login(owner, "django.contrib.auth.backends.ModelBackend")
    made = Generation.objects.get(model_id="cut")
    page = client.get(f"/create/veo3.1-pro/?show={made.pk}").content.decode()
    stage, rail = page.split('id="rail"')
    assert re.search(r'class="stage-model"[^>]*>The trailer</h3>', stage)
    assert reverse("change_cut", args=[cut.pk]) in stage
    assert f"/{made.pk}/again/" not in page
    assert reverse("again", args=[made.pk]) not in page
    assert re.search(r">The hero shot</a></h3>", rail)  # a film's own title, too
    page = client.get(f"/create/veo3.1-pro/?show={film.pk}").content.decode()
    stage, rail = page.split('id="rail"')
    assert re.search(r'class="stage-model"[^>]*>The hero shot</h3>', stage)
    assert reverse("again", args=[film.pk]) in stage
    assert "/change/" not in stage
    assert re.search(r">The trailer</a></h3>", rail)


def test_admin_pages_show_a_cut(owner, film, admin_client):
    ask(owner, part_of(film))
    work()
    made = Generation.objects.get(model_id="cut")
    for path in (
        "/admin/generations/generation/",
        "/admin/generations/generation/usage/",
        made.get_admin_url(),
    ):
        page = admin_client.get(path)
        assert page.status_code == 200
        assert "Cut" in page.content.decode()


def strangers_film(owner, film) -> CutPart:
    return part_of(make_film(UserFactory()))


def film_in_trash(owner, film) -> CutPart:
    return part_of(make_film(owner, trashed_at=timezone.now()))


def uploaded_file(owner, film) -> CutPart:
    return CutPart(make_clip(owner).pk, Decimal(0), Decimal(1))


def picture(owner, film) -> CutPart:
    return CutPart(AssetFactory(owner=owner).pk, Decimal(0), Decimal(1))


@pytest.mark.parametrize(
    "build",
    [
        strangers_film,
        film_in_trash,
        uploaded_file,
        picture,
        lambda owner, film: part_of(film, "1", "1"),
        lambda owner, film: part_of(film, "1.5", "1"),
        lambda owner, film: part_of(film, "-1", "1"),
        lambda owner, film: part_of(film, "0", "2.5"),
    ],
)
def test_only_ones_own_finished_films_and_their_own_times_make_a_cut(owner, film, build):
    part = build(owner, film)
    with pytest.raises(cuts.PartsNotUsable):
        ask(owner, part_of(film), part)
    assert not Cut.objects.exists()


def test_a_cut_has_so_many_parts_so_long_and_a_person_so_many_at_once(owner, film):
    with pytest.raises(cuts.CutTooLong):
        ask(owner, *[part_of(film)] * (cuts.MAX_PARTS + 1))
    with pytest.raises(cuts.CutTooLong):
        ask(owner, part_of(film, "0", "1801"))
    for number in range(cuts.MAX_PENDING):
        ask(owner, part_of(film), title=f"Cut {number}")
    with pytest.raises(cuts.TooManyCuts):
        ask(owner, part_of(film), title="One more")


def test_pressed_twice_it_is_made_once(owner, film):
    assert ask(owner, part_of(film)) == ask(owner, part_of(film))


def test_a_worker_that_stops_gives_the_cut_back_and_another_makes_it(owner, film):
    cut = ask(owner, part_of(film))
    assert not work(is_stopping=lambda: True)
    cut.refresh_from_db()
    assert (cut.state, cut.attempts) == ("waiting", 0)
    assert work()
    cut.refresh_from_db()
    assert cut.state == "ready"


def test_a_killed_worker_loses_its_lease_and_the_cut_is_made_once(owner, film):
    cut = ask(owner, part_of(film))
    leased = cuts.lease_next(now=timezone.now())
    assert cuts.lease_next(now=timezone.now()) is None
    later = timezone.now() + cuts.LEASE_DURATION + timedelta(seconds=1)
    assert work(clock=lambda: later)
    asset = Generation.objects.get(model_id="cut").results.get().asset
    assert not cuts.finish_cut(leased, asset=asset, has_sound=False, now=later)
    assert Generation.objects.filter(model_id="cut").count() == 1
    cut.refresh_from_db()
    assert cut.attempts == 2


def test_a_film_that_was_stored_before_the_worker_died_is_taken_as_it_is(owner, film, monkeypatch):
    cut = ask(owner, part_of(film))
    monkeypatch.setattr(cuts, "finish_cut", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        work()
    monkeypatch.undo()
    stored = Asset.objects.get(name__startswith=f"Cut {cut.pk}.")
    monkeypatch.setattr(worker_cuts, "_run_process", lambda *_: 1 / 0)
    assert work(clock=lambda: timezone.now() + timedelta(hours=1))
    assert Generation.objects.get(model_id="cut").results.get().asset == stored


def test_what_never_ends_is_given_up_after_some_attempts(owner, film):
    cut = ask(owner, part_of(film))
    now = timezone.now()
    for _ in range(cuts.MAX_ATTEMPTS):
        assert cuts.lease_next(now=now)
        now += cuts.LEASE_DURATION + timedelta(seconds=1)
    assert cuts.lease_next(now=now) is None
    cut.refresh_from_db()
    assert (cut.state, cut.failure) == ("failed", "broken")
    assert cuts.retry_cut(cut=cut, now=now)
    assert work(clock=lambda: now)


def test_a_film_that_is_gone_or_damaged_or_a_full_disk_is_said(owner, film, monkeypatch):
    damaged = make_film(owner)
    stored = clip_of(damaged)
    cut = ask(owner, part_of(damaged), title="Damaged")
    with stored.file.storage.open(str(stored.file), "wb") as file:
        file.write(b"nothing of a film")
    assert work()
    cut.refresh_from_db()
    assert (cut.state, cut.failure) == ("failed", "unreadable")

    cut = ask(owner, part_of(film), title="Gone")
    clip_of(film).file.storage.delete(str(clip_of(film).file))
    assert work()
    cut.refresh_from_db()
    assert (cut.state, cut.failure) == ("failed", "gone")

    cut = ask(owner, part_of(make_film(owner)), title="Full")
    monkeypatch.setattr(worker_cuts, "MIN_FREE_BYTES", 2**62)
    assert work()
    cut.refresh_from_db()
    assert (cut.state, cut.failure) == ("failed", "disk")
    assert not Generation.objects.filter(model_id="cut").exists()


def test_a_cut_that_is_cancelled_while_it_is_made_leaves_nothing(owner, film, monkeypatch):
    cut = ask(owner, part_of(film))
    store = worker_cuts._store

    def store_and_cancel(cut, path, now):
        asset = store(cut, path, now)
        cuts.cancel_cut(cut=cut)
        return asset

    monkeypatch.setattr(worker_cuts, "_store", store_and_cancel)
    assert work()
    assert not Cut.objects.filter(pk=cut.pk).exists()
    assert not Generation.objects.filter(model_id="cut").exists()
    assert not Asset.objects.filter(name__startswith="Cut ").exists()
