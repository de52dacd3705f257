"""Presets: all fields of a form under a name, private or for everybody in the studio."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from evolink_studio.catalog import SPECS
from evolink_studio.generations.models import Draft, Generation
from evolink_studio.prompts.models import Preset
from evolink_studio.prompts.presets import services
from evolink_studio.prompts.presets.services import PresetRejected, create_preset
from evolink_studio.prompts.undo import SEAL_LIFETIME
from tests.factories import NOW, VEO, AssetFactory, UserFactory
from tests.form_pages import ParsedPage

pytestmark = pytest.mark.django_db

KLING = "kling-o3-image-to-video"
FORM = {"prompt": "A red boat", "quality": "1080p", "from_model": VEO}


def keep(owner, name="Client", values=None, model_id=VEO, *, is_shared=False) -> Preset:
    values = {"prompt": "A red boat"} if values is None else values
    return create_preset(
        owner=owner, name=name, model_id=model_id, values=values, is_shared=is_shared, now=NOW
    )


def save(client, name, **fields):
    data = {**FORM, "_preset_name": name, **fields}
    return client.post(f"/create/{VEO}/preset/", data, headers={"HX-Request": "true"})


def open_preset(client, preset, model_id=VEO) -> ParsedPage:
    return ParsedPage(client.get(f"/create/{model_id}/?preset={preset.pk}"))


def note_text(page) -> str:
    return (
        " ".join(page.find_all("*[@data-note]")[0].itertext())
        if page.find_all("*[@data-note]")
        else ""
    )


def test_what_stands_in_the_form_is_kept_and_fills_it_again(ada_client, ada):
    answer = save(ada_client, " Client:  square ", _preset_shared="1")
    assert "Saved as “Client: square”." in answer.content.decode()
    preset = Preset.objects.get()
    assert (preset.owner, preset.model_id, preset.is_shared) == (ada, VEO, True)
    page = open_preset(ada_client, preset)
    assert (page.control_value("prompt"), page.control_value("quality")) == ("A red boat", "1080p")
    assert Generation.objects.count() == 0


def test_the_name_of_another_preset_is_refused_where_it_was_typed(ada_client, ada):
    keep(ada, "Client")
    text = save(ada_client, "Client").content.decode()
    assert "You have a preset “Client” already. Choose another name." in text
    assert 'value="Client"' in text
    assert "Give it a name." in save(ada_client, "  ").content.decode()
    assert Preset.objects.count() == 1
    keep(UserFactory(), "Client")  # another person may call theirs so


def test_nobody_has_more_presets_than_a_page_shows(ada, monkeypatch):
    monkeypatch.setattr(services, "MAX_PRESETS", 1)
    keep(ada)
    with pytest.raises(PresetRejected, match="Delete one of them first"):
        keep(ada, "Another")


def test_what_was_typed_and_not_sent_is_kept_when_a_preset_is_opened(ada_client, ada):
    Draft.objects.create(owner=ada, model_id=VEO, values={"prompt": "A whale"}, saved_at=NOW)
    page = open_preset(ada_client, keep(ada))
    assert page.control_value("prompt") == "A red boat"
    assert "Your draft was replaced and is kept." in note_text(page)


def test_a_preset_opens_in_the_form_of_another_model(ada_client, ada):
    page = open_preset(ada_client, keep(ada), KLING)
    assert page.control_value("prompt") == "A red boat"


@pytest.mark.parametrize(
    "values", [None, [], "text", {"prompt": {"a": 1}, "image_urls": "asset:x", "old_field": 3}]
)
def test_values_of_an_older_catalogue_never_keep_a_page_from_opening(ada_client, ada, values):
    preset = keep(ada)
    Preset.objects.filter(pk=preset.pk).update(values=values if values is not None else "null")
    assert open_preset(ada_client, preset).control_value("prompt") == ""
    assert ada_client.get("/prompts/presets/").status_code == 200
    Preset.objects.filter(pk=preset.pk).update(model_id="gone-1")
    assert "offered no more" in ada_client.get("/prompts/presets/").content.decode()
    assert ada_client.get(f"/create/{VEO}/?preset={preset.pk}").status_code == 200


def test_a_shared_preset_comes_without_the_pictures_of_its_owner(ada_client, ada):
    eve = UserFactory(username="eve")
    values = {"prompt": "A red boat", "image_urls": [AssetFactory(owner=eve).ref]}
    preset = keep(eve, values=values, is_shared=True)
    page = open_preset(ada_client, preset)
    assert page.control_value("prompt") == "A red boat"
    assert "The pictures of this preset belong to eve and were left out." in note_text(page)


def test_a_preset_that_is_shared_no_more_or_deleted_leaves_the_form_with_a_note(ada_client):
    preset = keep(UserFactory(username="eve"), values={"prompt": "A secret"}, is_shared=True)
    services.share_preset(preset=preset, is_shared=False)
    page = open_preset(ada_client, preset)
    assert note_text(page).strip() == "This preset was deleted, or it is no longer shared."
    assert page.control_value("prompt") == ""
    ada_client.post(f"/create/{VEO}/refresh/", FORM)
    services.delete_preset(preset=preset)
    page = open_preset(ada_client, preset)
    assert "no longer shared. Restored from your last visit." in note_text(page)
    assert page.control_value("prompt") == "A red boat"


def test_a_picture_that_is_gone_is_left_out_with_a_note(ada_client, ada):
    preset = keep(ada, values={"prompt": "A red boat", "image_urls": ["asset:999"]})
    assert "no longer in your library" in note_text(open_preset(ada_client, preset))


def test_a_preset_is_renamed_shared_and_deleted_on_its_page(ada_client, ada):
    preset, _ = keep(ada, "Client"), keep(ada, "Other")
    refused = ada_client.post(f"/prompts/presets/{preset.pk}/name/", {"name": "Other"})
    assert "You have a preset “Other” already." in refused.content.decode()
    ada_client.post(f"/prompts/presets/{preset.pk}/name/", {"name": "Reel"})
    ada_client.post(f"/prompts/presets/{preset.pk}/share/", {"shared": "1"})
    preset.refresh_from_db()
    assert (preset.name, preset.is_shared) == ("Reel", True)
    ada_client.post(f"/prompts/presets/{preset.pk}/delete/")
    assert list(Preset.objects.values_list("name", flat=True)) == ["Other"]


def find_undo_button(page: ParsedPage):
    return page.find_one("button[@form='undo-form']")


def undo(client, button, follow=True) -> ParsedPage:
    data = {button.get("name"): button.get("value")}
    return ParsedPage(client.post(button.get("formaction"), data, follow=follow))


def test_a_deleted_preset_comes_back_as_it_was_and_at_its_address(ada_client, ada):
    values = {"prompt": "A red boat " * 500, "quality": "1080p"}
    preset = keep(ada, "Client: square", values=values, is_shared=True)
    page = ParsedPage(ada_client.post(f"/prompts/presets/{preset.pk}/delete/", follow=True))
    assert not Preset.objects.exists()
    button = find_undo_button(page)
    assert "“Client: square” is back." in undo(ada_client, button).text
    assert Preset.objects.values().get() == {
        "id": preset.pk,
        "owner_id": ada.pk,
        "name": "Client: square",
        "model_id": VEO,
        "values": values,
        "is_shared": True,
        "created_at": NOW,
    }
    assert "You have a preset “Client: square” already." in undo(ada_client, button).text
    assert Preset.objects.count() == 1


def test_only_its_owner_takes_a_deletion_back_and_only_for_a_day(ada_client, ada):
    sealed = services.delete_preset(preset=keep(ada, is_shared=True))
    eve = UserFactory(username="eve")
    eve_client = Client()
    eve_client.force_login(eve, "django.contrib.auth.backends.ModelBackend")
    for client, text in ((eve_client, sealed), (ada_client, sealed + "x"), (ada_client, "")):
        answer = client.post("/prompts/presets/restore/", {"sealed": text}, follow=True)
        assert "This can no longer be taken back." in answer.content.decode()
        answer = client.post("/prompts/templates/restore/", {"sealed": text}, follow=True)
        assert "This can no longer be taken back." in answer.content.decode()
    later = timezone.now() + SEAL_LIFETIME + timedelta(minutes=1)
    with time_machine.travel(later), pytest.raises(PresetRejected):
        services.restore_preset(owner=ada, sealed=sealed)
    assert not Preset.objects.exists()


def test_a_deletion_is_not_taken_back_beyond_what_a_page_shows(ada, monkeypatch):
    sealed = services.delete_preset(preset=keep(ada))
    keep(ada, "Another")
    monkeypatch.setattr(services, "MAX_PRESETS", 1)
    with pytest.raises(PresetRejected, match="presets"):
        services.restore_preset(owner=ada, sealed=sealed)


def test_the_menu_shows_the_presets_of_the_chosen_model_first(ada_client, ada):
    keep(ada, "A for Kling", model_id=KLING)
    keep(ada, "B for Veo")
    text = ada_client.get(f"/create/{VEO}/menu/presets/").content.decode()
    assert text.index("B for Veo") < text.index("A for Kling")
    assert SPECS[KLING].label in text
