"""The cast: who is in it, and what a name in a prompt becomes."""

import pytest
from django.test import Client

from evolink_studio.core.search import fold_text
from evolink_studio.generations import services as generations
from evolink_studio.generations.models import Generation
from evolink_studio.library.models import Asset
from evolink_studio.prompts.cast.services import CastRejected, create_cast_member
from evolink_studio.prompts.cast.tags import find_names, replace_names
from evolink_studio.prompts.models import CastMember
from tests.factories import NOW, AssetFactory, UserFactory
from tests.library.conftest import make_upload
from tests.sample_images import make_image

KLING = "kling-o3-image-to-video"
GROK = "grok-imagine-text-to-video"


@pytest.fixture
def owner(db):
    return UserFactory(username="ada", owner=True)


@pytest.fixture
def ada(owner) -> Client:
    client = Client()
    client.force_login(owner, "django.contrib.auth.backends.ModelBackend")
    return client


def add_picture(owner, width=640, height=480, **facts) -> Asset:
    return AssetFactory(owner=owner, format="png", width=width, height=height, **facts)


def cast(owner, name, **facts) -> CastMember:
    return create_cast_member(owner=owner, name=name, asset=add_picture(owner, **facts), now=NOW)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@anna meets @Ben, then @ANNA.", ["anna", "ben"]),
        ("write to anna@example.com", []),
        ("@Öl's and @anna_2!", ["ol", "anna_2"]),
        ("@ anna @-x @@anna", []),
        ("@" + "x" * 41, []),
        ("", []),
    ],
)
def test_names_are_found_behind_an_at_sign_but_not_in_addresses(text, names):
    assert find_names(text) == names


def test_names_are_replaced_in_any_case_and_unknown_ones_stay():
    text = replace_names("@Anna and @anna's dog, @ben", {"anna": "<<<image_1>>>"})
    assert text == "<<<image_1>>> and <<<image_1>>>'s dog, @ben"


@pytest.mark.parametrize("name", ["", "two words", "a-b", "x" * 41, "@", "\u202eanna"])
def test_a_name_that_cannot_be_typed_is_refused(owner, name):
    with pytest.raises(CastRejected):
        cast(owner, name)


def test_a_name_is_taken_whatever_its_case_but_by_its_owner_alone(owner):
    cast(owner, "Straße")
    with pytest.raises(CastRejected, match="in your cast already"):
        cast(owner, "STRASSE")
    cast(UserFactory(), "Straße")
    assert fold_text("Straße") == CastMember.objects.filter(owner=owner).get().folded_name


def test_a_member_is_added_with_a_new_picture_changed_and_taken_out(ada, owner):
    upload = make_upload(make_image(width=640, height=480))
    ada.post("/cast/", {"name": "@anna", "kind": "person", "file": upload})
    member = owner.cast.get()
    assert (member.name, member.asset.width) == ("anna", 640)
    ada.post(f"/cast/{member.pk}/", {"name": "Annette", "kind": "thing", "note": "red coat"})
    member.refresh_from_db()
    assert (member.name, member.kind, member.note) == ("Annette", "thing", "red coat")
    ada.post(f"/cast/{member.pk}/delete/")
    assert not owner.cast.exists()
    assert owner.assets.exists()


def test_what_was_typed_stays_when_a_member_is_refused(ada, owner):
    picture = add_picture(owner)
    cast(owner, "anna")
    page = ada.post(
        "/cast/", {"name": "ANNA", "kind": "place", "note": "by night", "picture": picture.pk}
    ).content.decode()
    assert "@ANNA is in your cast already" in page
    assert 'value="by night"' in page
    assert f'name="picture" value="{picture.pk}"' in page


def test_a_picture_of_the_cast_is_not_deleted_under_it(ada, owner):
    member = cast(owner, "anna")
    page = ada.post("/library/delete", {"asset": member.asset_id}).content.decode()
    assert "because it is in your cast" in page
    assert CastMember.objects.exists()


def press(ada, model, **fields) -> Generation:
    ada.post(f"/create/{model}/", {"duration": "5", **fields})
    return Generation.objects.get()


def test_a_name_puts_the_picture_in_and_its_tag_into_the_text_that_is_sent(ada, owner):
    anna, ben = cast(owner, "anna"), cast(owner, "Ben")
    generation = press(ada, KLING, prompt="@ben opens the door for @Anna")
    assert generation.params["prompt"] == "<<<image_1>>> opens the door for <<<image_2>>>"
    assert generation.params["image_urls"] == [ben.asset.ref, anna.asset.ref]
    assert set(generation.inputs.all()) == {anna.asset, ben.asset}


def test_pictures_that_are_there_keep_their_numbers(ada, owner):
    anna, ben, frame = cast(owner, "anna"), cast(owner, "ben"), add_picture(owner)
    generation = press(
        ada,
        KLING,
        prompt="@anna and @ben",
        image_start=frame.ref,
        image_urls=[ben.asset.ref],
    )
    assert generation.params["prompt"] == "<<<image_3>>> and <<<image_2>>>"
    assert generation.params["image_urls"] == [ben.asset.ref, anna.asset.ref]


def test_the_form_shows_before_the_press_what_is_sent_and_keeps_what_was_typed(ada, owner):
    anna = cast(owner, "anna")
    page = ada.post(
        f"/create/{KLING}/refresh/", {"prompt": "@anna waves"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert "@anna is picture 1: sent as &lt;&lt;&lt;image_1&gt;&gt;&gt;" in page
    assert "@anna waves</textarea>" in page
    assert f'value="{anna.asset.ref}" checked' in page
    page = ada.get(f"/create/{KLING}/").content.decode()  # from the draft
    assert "@anna is picture 1" in page


def test_the_prompts_of_shots_name_the_cast_too(ada, owner):
    cast(owner, "anna")
    generation = press(
        ada,
        KLING,
        multi_shot="true",
        **{"shots-0-prompt": "@anna laughs", "shots-0-duration": "5"},
    )
    assert generation.params["shots"][0]["prompt"] == "<<<image_1>>> laughs"


def test_a_model_without_references_is_sent_the_plain_name_and_the_form_says_so(ada, owner):
    cast(owner, "anna")
    page = ada.post(
        f"/create/{GROK}/refresh/", {"prompt": "@anna waves"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert "@anna is sent as the word “anna”" in page
    generation = press(ada, GROK, prompt="@anna waves", duration="6")
    assert generation.params["prompt"] == "anna waves"
    assert not generation.inputs.exists()


@pytest.mark.parametrize(
    ("facts", "count", "reason"),
    [
        ({"width": 640, "height": 480}, 8, "Too many: at most 7 fit here"),
        ({"width": 640, "height": 480, "kind": "image", "size_bytes": 11_000_000}, 1, "11"),
    ],
)
def test_a_picture_without_room_or_fit_is_an_error_at_the_slot_and_nothing_is_sent(
    ada, owner, facts, count, reason
):
    for number in range(count):
        cast(owner, f"extra{number}", **facts)
    names = " ".join(f"@extra{number}" for number in range(count))
    page = ada.post(f"/create/{KLING}/", {"prompt": names, "duration": "5"}).content.decode()
    error = page.split('data-error-for="image_urls"')[1].split("</p>")[0]
    assert reason in error
    assert not Generation.objects.exists()


def test_nobody_uses_the_cast_of_somebody_else(ada, owner):
    stranger = UserFactory()
    cast(stranger, "anna")
    frame = add_picture(owner)
    generation = press(ada, KLING, prompt="@anna waves", image_start=frame.ref)
    assert generation.params["prompt"] == "@anna waves"
    assert generations.delete_files(owner=owner, asset_ids=[frame.pk]).kept_count == 1


def test_an_empty_cast_says_what_an_at_sign_is_for(ada, owner):
    lesson = ada.get("/cast/names/").json()["lesson"]
    assert "your cast" in lesson["text"]
    assert ada.get(lesson["url"]).status_code == 200
    cast(owner, "anna")
    answer = ada.get("/cast/names/").json()
    assert answer["lesson"] is None
    assert [member["name"] for member in answer["members"]] == ["anna"]
