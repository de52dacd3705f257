"""Nothing that was typed is ever lost, and nothing else than that is ever sent."""

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from evolink_studio.catalog import SPECS
from evolink_studio.catalog.fields import Control
from evolink_studio.generations.models import Generation
from evolink_studio.library.models import Asset
from tests.factories import VEO, AssetFactory
from tests.form_pages import ParsedPage
from tests.generations.form_client import make_numbered_image, post_form

pytestmark = pytest.mark.django_db

KLING = "kling-o3-image-to-video"
SEEDANCE = "doubao-seedance-1.0-pro-fast"
SORA = "sora-2-preview"

PROMPT_TEXTS = [
    "Quotes \" and ' and <b>&amp;</b> </textarea><script>alert(1)</script>",
    "Two\r\nlines\r\n\r\nand a blank one",
    "Ünïcödé 猫がピアノを弾く 🎹",
    "<<<image_1>>> {{ braces }} {% tag %} %(percent)s {0}",
    "\nstarts with a new line",
]


@pytest.mark.parametrize("text", PROMPT_TEXTS)
@pytest.mark.parametrize("htmx", [False, True], ids=["page", "fragment"])
def test_a_refused_form_shows_every_letter_that_was_typed(ada_client, text, htmx):
    page = ParsedPage(post_form(ada_client, VEO, {"prompt": text, "quality": "8k"}, is_htmx=htmx))
    assert str(page.control_value("prompt")).split("\r\n") == text.split("\r\n")
    assert page.error_texts().keys() == {"quality"}


def test_a_refused_form_keeps_its_key_so_the_generation_stays_one(ada_client):
    key = str(uuid.uuid4())
    assert (
        ParsedPage(post_form(ada_client, VEO, {"prompt": ""}, form_key=key)).control_value(
            "form_key"
        )
        == key
    )


def test_files_that_were_taken_stay_when_another_one_is_refused(ada_client):
    broken_file = SimpleUploadedFile("broken.png", b"\x89PNG\r\n\x1a\n nothing", "image/png")
    page = ParsedPage(post_form(ada_client, VEO, image_urls=[make_numbered_image(1), broken_file]))
    assert len(page.control_value("image_urls")) == Asset.objects.count() == 1
    assert page.error_texts().keys() == {"image_urls"}
    assert not Generation.objects.exists()


@pytest.mark.parametrize("model", [VEO, KLING, SEEDANCE])
@pytest.mark.parametrize("htmx", [False, True], ids=["page", "fragment"])
def test_a_file_that_is_too_heavy_is_said_and_nothing_is_sent_without_it(
    ada_client, settings, model, htmx
):
    """The server stops reading at such a file: sent on, another generation would be paid."""
    settings.MAX_UPLOAD_BYTES = 100
    name = next(f.name for f in SPECS[model].fields if f.control == Control.MEDIA)
    response = post_form(
        ada_client,
        model,
        {"element_ids": "e1"},
        **{name: make_numbered_image(1, 640, 640)},
        is_htmx=htmx,
    )
    assert response.status_code == 200
    assert not Generation.objects.exists()
    page = ParsedPage(response)
    assert "larger than" in page.error_text(name)
    assert page.control_value("prompt") == "A cat playing piano"


def test_too_heavy_at_a_change_of_the_form_is_said_too(ada_client, settings):
    settings.MAX_UPLOAD_BYTES = 100
    page = ParsedPage(
        post_form(ada_client, VEO, action="refresh", image_urls=make_numbered_image(1, 640, 640))
    )
    assert "larger than" in page.error_text("image_urls")


@pytest.mark.parametrize(
    "ref",
    ["asset:999", "asset:", "asset:-1", "asset:x", "asset:9999999999999999999999", "file:///etc"],
)
def test_a_file_that_is_not_in_the_library_is_named_and_nothing_is_sent(ada_client, ref):
    page = ParsedPage(post_form(ada_client, VEO, {"image_urls": ref}))
    assert "no longer in your library" in page.error_text("image_urls")
    assert not Generation.objects.exists()


def test_a_file_of_somebody_else_is_as_good_as_none(ada_client, eve):
    other_asset = AssetFactory(owner=eve)
    page = ParsedPage(post_form(ada_client, VEO, {"image_urls": other_asset.ref}))
    assert "no longer in your library" in page.error_text("image_urls")
    assert other_asset.name not in page.text
    assert not Generation.objects.exists()


def test_an_address_inside_our_own_network_is_not_fetched(ada_client, fake_provider):
    page = ParsedPage(
        post_form(ada_client, VEO, {"image_urls": f"{fake_provider.url}/picture.png"})
    )
    assert page.error_text("image_urls")
    assert fake_provider.received_requests == []
    assert not Generation.objects.exists()


def test_fields_that_are_not_the_models_own_change_nothing(ada_client, ada, eve):
    forged_fields = {
        "owner": eve.pk,
        "state": "completed",
        "credits_estimated": "0",
        "task_id": "task-1",
    }
    post_form(ada_client, VEO, {**forged_fields, "duration": "99", "model": "sora-2-preview"})
    generation = Generation.objects.get()
    assert (generation.owner, generation.state, generation.task_id, generation.model_id) == (
        ada,
        "queued",
        None,
        VEO,
    )
    assert str(generation.credits_estimated) == "162.0000"
    assert generation.params.keys() == {field.name for field in SPECS[VEO].fields}
