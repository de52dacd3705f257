"""Choosing from one's own library."""

import re
from datetime import timedelta

import pytest

from evolink_studio.library.models import Asset
from tests.library.conftest import NOW


@pytest.fixture
def sixty_images(owner):
    """Sixty pictures, ten in each second."""
    return Asset.objects.bulk_create(
        Asset(
            owner=owner,
            kind="image",
            origin="upload",
            name=f"picture {number}",
            file=f"{number}.png",
            poster=f"{number}.webp",
            format="png",
            mime="image/png",
            size_bytes=1000,
            sha256=f"{number:064}",
            width=64,
            height=48,
            created_at=NOW + timedelta(seconds=number // 10),
        )
        for number in range(60)
    )


def picked_refs(reply):
    return re.findall(r'data-asset-ref="([^"]+)"', reply.content.decode())


def test_the_newest_pictures_come_first_and_every_one_comes_once(
    owner_client, sixty_images, django_assert_max_num_queries
):
    url, refs, pages = "/library/picker?kind=image&param=image_urls", [], 0
    while url:
        with django_assert_max_num_queries(4):  # session, person, files; the session is not cached
            reply = owner_client.get(url)
        refs += picked_refs(reply)
        pages += 1
        next_match = re.search(r'hx-get="([^"]+after=[^"]+)"', reply.content.decode())
        url = next_match and next_match[1].replace("&amp;", "&")
    assert pages == 3
    assert refs == [asset.ref for asset in reversed(sixty_images)]


def test_the_dialog_says_which_slot_it_fills_and_later_pages_are_only_items(
    owner_client, sixty_images
):
    first = owner_client.get("/library/picker?param=image_start").content.decode()
    assert 'data-param="image_start"' in first
    cursor = re.search(r"after=([\d-]+)", first)[1]
    later_page = owner_client.get(
        f"/library/picker?param=image_start&after={cursor}"
    ).content.decode()
    assert "<section" not in later_page
    assert "data-asset-ref" in later_page


def test_a_plain_link_leads_on_without_scripts(owner_client, sixty_images):
    page = owner_client.get("/library/picker").content.decode()
    href, hx_url = re.search(r'href="([^"]+after=[^"]+)"\s+hx-get="([^"]+)"', page).groups()
    assert href == hx_url


def test_only_ones_own_files_of_that_kind_are_offered(
    client, owner, stranger, image_asset, video_asset
):
    client.force_login(owner)
    assert picked_refs(client.get("/library/picker")) == [image_asset.ref]
    assert picked_refs(client.get("/library/picker?kind=video")) == [video_asset.ref]
    client.force_login(stranger)
    reply = client.get("/library/picker")
    assert not picked_refs(reply)
    assert "Nothing here yet" in reply.content.decode()


@pytest.mark.parametrize(
    "cursor", ["x", "-", "1-", "-5", "9" * 59, "1-" + "9" * 57, "99999999999999999-1"]
)
def test_a_place_that_makes_no_sense_is_no_error(owner_client, sixty_images, cursor):
    assert owner_client.get("/library/picker", {"after": cursor}).status_code == 200


def test_a_name_that_looks_like_a_page_is_only_text(owner_client, sixty_images, owner):
    Asset.objects.filter(pk=sixty_images[-1].pk).update(name="<script>alert(1)</script>")
    page = owner_client.get("/library/picker", {"param": '"><script>alert(2)</script>'})
    assert b"<script>" not in page.content


def test_nobody_picks_without_signing_in(client, db):
    assert client.get("/library/picker").status_code == 302


def test_each_file_says_whether_it_fits_the_slot_of_the_model_and_why_not(
    owner_client, sixty_images
):
    page = owner_client.get(
        "/library/picker?model=kling-o3-image-to-video&param=image_start"
    ).content.decode()
    assert "64 × 48 pixels; each side needs at least 300 pixels." in page
    page = owner_client.get(
        "/library/picker?model=sora-2-preview&param=image_urls"
    ).content.decode()
    assert "It must have exactly this many pixels: 1280 × 720, 720 × 1280." in page
    page = owner_client.get("/library/picker?model=nonsense&param=image_urls").content.decode()
    assert "media-check" not in page


def test_a_search_gives_the_list_alone_and_goes_on_with_it(owner_client, sixty_images):
    reply = owner_client.get(
        "/library/picker?q=PICTURE",
        headers={"HX-Request": "true", "HX-Target": "asset-picker-list"},
    )
    assert "<section" not in reply.content.decode()
    assert re.search(r'hx-get="[^"]+q=PICTURE[^"]+after=', reply.content.decode())
    assert picked_refs(owner_client.get("/library/picker?q=picture+59")) == [sixty_images[59].ref]
    assert "No file is called that" in owner_client.get("/library/picker?q=boat").content.decode()
