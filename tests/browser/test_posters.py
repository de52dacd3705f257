"""Each screen fetches the poster that is sharp on it, and no larger one."""

import pytest
from django.test import Client
from django.utils import timezone

from evolink_studio.generations.models import GeneratedVideo
from evolink_studio.library.services import add_result
from tests.browser.conftest import open_watched_page
from tests.factories import VEO, GenerationFactory
from tests.sample_videos import make_video

CURRENT_SOURCE = "image => image.decode().then(() => image.currentSrc)"


@pytest.fixture
def create_film(idle_studio, tmp_path):
    """Makes a generation with a film in full size."""

    def create(name="film"):
        now, owner = timezone.now(), idle_studio.owner
        path = make_video(tmp_path / "film.mp4", width=1920, height=1080, seconds=1)
        asset = add_result(owner_id=owner.pk, path=path, name=name, now=now)
        generation = GenerationFactory(owner=owner, state="completed")
        GeneratedVideo.objects.create(generation=generation, asset=asset, position=0)
        return generation

    return create


@pytest.fixture
def open_page(browser, idle_studio):
    """A signed-in page on a screen of this width and so many pixels for one of CSS."""
    contexts, pages = [], []

    def open_on(width, pixel_ratio):
        client = Client()
        client.force_login(idle_studio.owner, "django.contrib.auth.backends.ModelBackend")
        context = browser.new_context(
            viewport={"width": width, "height": 900}, device_scale_factor=pixel_ratio
        )
        contexts.append(context)
        cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value}
        context.add_cookies([{**cookie, "url": idle_studio.base_url}])
        pages.append(open_watched_page(context, idle_studio.base_url))
        return pages[-1].__enter__()

    yield open_on
    for page in pages:
        page.__exit__(None, None, None)
    for context in contexts:
        context.close()


@pytest.mark.parametrize(
    ("width", "pixel_ratio", "path"),
    [(1440, 1, "poster"), (1440, 2, "poster"), (390, 1, "poster/small"), (390, 3, "poster")],
    ids=["screen", "sharp screen", "narrow window", "phone"],
)
def test_a_tile_shows_the_poster_for_its_screen(
    open_page, idle_studio, create_film, width, pixel_ratio, path
):
    film = create_film()
    page = open_page(width, pixel_ratio)
    page.goto(idle_studio.build_url("/films/"))
    source = page.locator(".film-frame img").evaluate(CURRENT_SOURCE)
    assert source == idle_studio.build_url(f"/library/{film.results.get().asset_id}/{path}")


def test_the_stage_shows_the_large_poster_and_its_card_the_small_one(
    open_page, idle_studio, create_film
):
    film, other_film = create_film("film"), create_film("other film")
    asset_id, other_asset_id = (row.results.get().asset_id for row in (film, other_film))
    page = open_page(1440, 1)
    page.goto(idle_studio.build_url(f"/create/{VEO}/?show={film.pk}"))
    stage_poster = page.locator("#stage video").get_attribute("poster")
    assert stage_poster == f"/library/{asset_id}/poster/large"
    card_source = page.locator(".card-thumbnail img").first.evaluate(CURRENT_SOURCE)
    assert card_source == idle_studio.build_url(f"/library/{other_asset_id}/poster/small")
