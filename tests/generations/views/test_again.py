"""Making a film again from its card: at which price, once, and what another model would change."""

from decimal import Decimal

import pytest

from evolink_studio.credits.models import RateCard
from evolink_studio.generations.models import Generation
from evolink_studio.library.models import Asset
from tests.factories import VEO, AssetFactory, GenerationFactory
from tests.form_pages import ParsedPage
from tests.generations.form_client import HTMX_HEADERS, open_create_page
from tests.generations.test_create_batch import limit_credits

pytestmark = pytest.mark.django_db
SEEDANCE = "doubao-seedance-1.0-pro-fast"
PARAMS = {"prompt": "A cat", "quality": "720p", "duration": 5, "aspect_ratio": "16:9"}


@pytest.fixture(autouse=True)
def _price() -> None:
    """10 credits, and 25 in 1080p."""
    RateCard.objects.filter(model_id=SEEDANCE).delete()
    RateCard.objects.create(
        model_id=SEEDANCE,
        unit="call",
        credits_per_unit=Decimal(10),
        factors=[{"when": {"quality": "1080p"}, "times": "2.5"}],
        effective_at="2020-01-01T00:00Z",
    )


@pytest.fixture
def film(ada) -> Generation:
    return GenerationFactory(owner=ada, state="completed", model_id=SEEDANCE, params=PARAMS)


def read_forms(page: ParsedPage) -> dict[str, dict[str, str]]:
    """What each button sends, by its text."""
    forms = {}
    for form in page.find_all("form[@hx-post]"):
        (button,) = form.findall(".//button")
        fields = {field.get("name"): field.get("value") or "" for field in form.iter("input")}
        text = " ".join("".join(button.itertext()).split())
        forms[text] = fields
    return forms


def open_menu(client, film, place="") -> dict[str, dict[str, str]]:
    return read_forms(
        ParsedPage(client.get(f"/generations/{film.pk}/again/?place={place}", headers=HTMX_HEADERS))
    )


def press(client, film, fields, *, is_htmx=True):
    headers = HTMX_HEADERS if is_htmx else {}
    return client.post(f"/generations/{film.pk}/again/", fields, headers=headers)


def test_the_buttons_name_their_prices(ada_client, film):
    assert list(open_menu(ada_client, film)) == ["Again · 10 credits", "In 1080p · 25 credits"]


def test_again_makes_one_more_with_the_same_settings(ada_client, film, ada):
    fields = open_menu(ada_client, film)["Again · 10 credits"]
    for _ in range(3):  # the same button, however often
        assert "On its way" in press(ada_client, film, fields).content.decode()
    new = Generation.objects.exclude(pk=film.pk).get()
    assert (new.based_on, new.owner, new.model_id) == (film, ada, SEEDANCE)
    assert new.params == {"image_urls": [], **PARAMS}
    assert new.credits_held == 10


def test_in_better_quality_changes_the_quality_alone(ada_client, film):
    press(ada_client, film, open_menu(ada_client, film)["In 1080p · 25 credits"])
    new = Generation.objects.exclude(pk=film.pk).get()
    assert new.params == {"image_urls": [], **PARAMS, "quality": "1080p"}
    assert new.credits_held == 25


def test_on_the_create_page_the_new_film_takes_the_stage(ada_client, film):
    fields = open_menu(ada_client, film, "workspace")["Again · 10 credits"]
    answer = press(ada_client, film, fields)
    new = Generation.objects.exclude(pk=film.pk).get()
    assert answer["HX-Retarget"] == "#workspace"
    staged = ParsedPage(answer).find_one("section[@id='stage']").findall(".//*[@data-generation]")
    assert [card.get("data-generation") for card in staged] == [str(new.pk)]


def test_without_scripts_a_press_leads_to_the_new_film(ada_client, film):
    fields = open_menu(ada_client, film)["Again · 10 credits"]
    new_url = press(ada_client, film, fields, is_htmx=False)["Location"]
    assert new_url == f"/create/{SEEDANCE}/?show={Generation.objects.latest('pk').pk}"


def test_another_price_than_the_button_named_sends_nothing(ada_client, film):
    fields = open_menu(ada_client, film)["Again · 10 credits"]
    RateCard.objects.filter(model_id=SEEDANCE).update(credits_per_unit=Decimal(12))
    page = ParsedPage(press(ada_client, film, fields))
    assert "price has changed" in page.text
    assert "Again · 12 credits" in read_forms(page)
    assert Generation.objects.get() == film


def test_beyond_the_allowance_the_buttons_say_why(ada_client, film, ada):
    limit_credits(ada, 5)
    page = ParsedPage(ada_client.get(f"/generations/{film.pk}/again/", headers=HTMX_HEADERS))
    assert all("disabled" in button.attrib for button in page.find_all("form//button"))
    assert "This needs 10 credits" in page.text
    press(ada_client, film, read_forms(page)["Again · 10 credits"])
    assert Generation.objects.get() == film


def test_a_film_whose_picture_was_deleted_is_not_made_without_it(ada_client, ada):
    picture = AssetFactory(owner=ada)
    params = {**PARAMS, "image_urls": [picture.ref]}
    film = GenerationFactory(owner=ada, state="completed", model_id=SEEDANCE, params=params)
    fields = open_menu(ada_client, film)["Again · 10 credits"]
    Asset.objects.all().delete()
    page = ParsedPage(press(ada_client, film, fields))
    assert "no longer in your library" in page.text
    assert read_forms(page) == {}
    assert Generation.objects.get() == film


@pytest.mark.parametrize("params", [7, [], "x", {"prompt": 7, "quality": []}, {"duration": "x"}])
def test_no_stored_value_breaks_the_menu(ada_client, ada, params):
    film = GenerationFactory(
        owner=ada, state="completed", model_id=SEEDANCE, params=params, fingerprint="x"
    )
    for path in ("again", "other-models"):
        assert ada_client.get(f"/generations/{film.pk}/{path}/").status_code == 200


def test_a_model_that_left_the_catalogue_offers_nothing(ada_client, ada):
    film = GenerationFactory(owner=ada, state="completed", model_id="gone-1", params=PARAMS)
    page = ParsedPage(ada_client.get(f"/generations/{film.pk}/again/", headers=HTMX_HEADERS))
    assert "not offered any more" in page.text


def test_what_was_refused_for_good_is_not_offered_as_it_was(ada_client, ada):
    film = GenerationFactory(
        owner=ada,
        state="failed",
        model_id=SEEDANCE,
        params=PARAMS,
        error_code="content_policy_violation",
    )
    assert list(open_menu(ada_client, film)) == ["In 1080p · 25 credits"]


def test_another_model_says_its_price_and_what_would_change(ada_client, film):
    page = ParsedPage(ada_client.get(f"/generations/{film.pk}/other-models/"))
    (row,) = [row for row in page.find_all("li") if "Veo" in "".join(row.itertext())]
    text = " ".join("".join(row.itertext()).split())
    assert "162 credits" in text
    assert "Duration 5 → 8" in text
    assert row.find(".//a").get("href") == f"/create/{VEO}/?from={film.pk}"


def test_the_form_of_another_model_opens_with_the_converted_settings(ada_client, film):
    page = open_create_page(ada_client, VEO, f"?from={film.pk}")
    assert page.control_value("prompt") == "A cat"
    assert page.control_value("aspect_ratio") == "16:9"
    assert Generation.objects.get() == film
