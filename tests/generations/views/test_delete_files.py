"""Deleting one's own files from the dialog "From my library"."""

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from evolink_studio.catalog import get_spec
from evolink_studio.generations import services
from evolink_studio.generations.models import Draft, Generation
from evolink_studio.generations.params import AssetMissing, load_params_for_dispatch
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset, DeletedFile
from evolink_studio.library.services import delete_orphans
from tests.factories import NOW, VEO, AssetFactory, GenerationFactory, UserFactory

pytestmark = pytest.mark.django_db
DELETE_URL = "/library/delete"


@pytest.fixture
def owner():
    return UserFactory()


@pytest.fixture
def owner_client(client, owner):
    client.force_login(owner)
    return client


def delete(client, *assets, **fields):
    return client.post(DELETE_URL, {"asset": [asset.pk for asset in assets], **fields})


def test_one_and_several_pictures_go_for_good(owner_client, owner):
    first, second, third = (AssetFactory(owner=owner) for _ in range(3))
    reply = delete(owner_client, first, param="image_urls")
    text = reply.content.decode()
    assert "1 file deleted." in text
    assert 'data-param="image_urls"' in text
    assert first.ref not in text
    assert second.ref in text
    assert "2 files deleted." in delete(owner_client, second, third).content.decode()
    assert not Asset.objects.exists()
    assert not DeletedFile.objects.exists()
    for asset in (first, second, third):
        assert not default_storage.exists(str(asset.file))
        assert owner_client.get(f"/library/{asset.pk}/file").status_code == 404


def test_a_stranger_deletes_nothing_and_learns_nothing(client, owner):
    asset = AssetFactory(owner=owner)
    for user in (UserFactory(), UserFactory(staff=True)):
        client.force_login(user)
        assert delete(client, asset).status_code == 404
        assert client.post(DELETE_URL, {"asset": "999999"}).status_code == 404
    assert Asset.objects.filter(pk=asset.pk).exists()
    assert default_storage.exists(str(asset.file))


@pytest.mark.parametrize("value", ["x", "-1", "9" * 40, "0"])
def test_numbers_of_no_file_are_not_found(owner_client, value):
    assert owner_client.post(DELETE_URL, {"asset": value}).status_code == 404


def test_without_a_selection_it_says_so(owner_client, owner):
    AssetFactory(owner=owner)
    assert "Select what you want to delete." in owner_client.post(DELETE_URL).content.decode()
    assert owner.assets.count() == 1


def test_a_film_made_here_is_not_deleted(owner_client, owner):
    film = AssetFactory(owner=owner, kind="video", origin="result")
    assert delete(owner_client, film).status_code == 404
    assert (
        f'value="{film.pk}"' not in owner_client.get("/library/picker?kind=video").content.decode()
    )


@pytest.mark.parametrize("state", State)
def test_what_a_film_still_needs_stays_until_it_was_sent(owner_client, owner, state):
    asset, other_asset = AssetFactory(owner=owner), AssetFactory(owner=owner)
    generation = GenerationFactory(owner=owner, state=state)
    generation.inputs.set([asset])
    text = delete(owner_client, asset, other_asset).content.decode()
    is_needed = state in {State.QUEUED, State.SENDING}
    assert Asset.objects.filter(pk=asset.pk).exists() == is_needed
    assert default_storage.exists(str(asset.file)) == is_needed
    assert ("1 file stays" in text) == is_needed
    assert ("1 file deleted." in text) == is_needed
    assert Generation.objects.get(pk=generation.pk).state == state


def create_generation(owner, asset):
    params = {"prompt": "A cat", "image_urls": [asset.ref]}
    return services.create_generation(
        owner=owner,
        spec=get_spec(VEO),
        params=params,
        assets=[asset],
        form_key=services.uuid.uuid4(),
        credits_estimated=None,
        now=NOW,
    )


def test_a_press_whose_picture_was_deleted_meanwhile_stores_nothing(owner):
    asset = AssetFactory(owner=owner)
    services.delete_files(owner=owner, asset_ids=[asset.pk])
    with pytest.raises(services.FilesDeleted):
        create_generation(owner, asset)
    assert not Generation.objects.exists()


def test_a_picture_that_was_pressed_with_is_there_when_it_is_sent(owner):
    asset = AssetFactory(owner=owner)
    generation = create_generation(owner, asset).generation
    assert services.delete_files(owner=owner, asset_ids=[asset.pk]).kept_count == 1
    try:
        _, assets = load_params_for_dispatch(generation)
    except AssetMissing:
        pytest.fail("the picture is gone")
    assert assets == [asset]


def test_the_page_tells_of_a_press_whose_picture_is_gone(owner_client, owner, monkeypatch):
    asset = AssetFactory(owner=owner, width=1280, height=720)

    def delete_first(*args, **kwargs):
        services.delete_files(owner=owner, asset_ids=[asset.pk])
        return create(*args, **kwargs)

    create = services.create_generation
    monkeypatch.setattr("evolink_studio.generations.services.create_generation", delete_first)
    fields = {"prompt": "A cat", "image_urls": asset.ref, "generation_type": "FIRST&LAST"}
    reply = owner_client.post(f"/create/{VEO}/", fields)
    assert "no longer in your library" in reply.content.decode()
    assert not Generation.objects.exists()


def test_a_draft_outlives_its_picture(owner_client, owner):
    asset = AssetFactory(owner=owner)
    values = {"prompt": "A cat on a piano", "image_urls": [asset.ref]}
    Draft.objects.create(owner=owner, model_id=VEO, values=values, saved_at=timezone.now())
    delete(owner_client, asset)
    page = owner_client.get(f"/create/{VEO}/")
    assert page.status_code == 200
    assert "A cat on a piano" in page.content.decode()


def test_a_file_that_the_storage_would_not_delete_is_deleted_later(owner, monkeypatch):
    asset = AssetFactory(owner=owner)

    def raise_unavailable(name):
        raise OSError("The store is away")

    with monkeypatch.context() as patch:
        patch.setattr(default_storage, "delete", raise_unavailable)
        assert services.delete_files(owner=owner, asset_ids=[asset.pk]).deleted_count == 1
    assert default_storage.exists(str(asset.file))
    delete_orphans(now=NOW, still_needed=lambda names: set())
    assert not default_storage.exists(str(asset.file))
    assert not DeletedFile.objects.exists()


def test_looking_for_what_needs_a_file_does_not_read_every_generation(
    owner, django_assert_max_num_queries
):
    assets = [AssetFactory(owner=owner) for _ in range(5)]
    with django_assert_max_num_queries(12 + 2 * len(assets)):
        services.delete_files(owner=owner, asset_ids=[asset.pk for asset in assets])
