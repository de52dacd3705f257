"""Whatever is typed, sent or stored: an error at its field at most, and every page opens."""

from decimal import Decimal

import pytest
from django.urls import reverse

from evolink_studio.catalog import SPECS
from evolink_studio.catalog.fields import Control
from evolink_studio.credits.models import RateCard
from evolink_studio.generations.models import Draft, Generation
from evolink_studio.generations.states import State
from tests.factories import NOW, GenerationFactory, UserFactory
from tests.form_pages import ParsedPage, element_text
from tests.generations.admin.conftest import (
    GENERATIONS_URL,
    USAGE_URL,
    client_of,
    generation_url,
)
from tests.generations.form_client import HTMX_HEADERS, open_create_page, post_form
from tests.generations.hostile_values import (
    HOSTILE_JSON,
    HOSTILE_TEXTS,
    WORST_TEXTS,
    fill_control,
    fill_every_control,
    fill_every_field,
    store_json,
)

pytestmark = pytest.mark.django_db

KLING = "kling-o3-image-to-video"
SEEDANCE = "doubao-seedance-1.0-pro-fast"
SORA = "sora-2-preview"
NUMBER_FIELDS = [
    (spec.id, field.name)
    for spec in SPECS.values()
    for field in spec.fields
    if field.control is Control.NUMBER or field.name == "duration"
]
# Between them they have every kind of control; tests/faults tries all AI models.
EVERY_CONTROL = {model_id: SPECS[model_id] for model_id in (KLING, SORA)}
each_spec = pytest.mark.parametrize("spec", EVERY_CONTROL.values(), ids=EVERY_CONTROL)


def assert_pages_open(client, model_id) -> None:
    """The way home leads to a page that opens, and so does that of the model."""
    assert client.get("/", follow=True).status_code == 200
    assert open_create_page(client, model_id).find_one("form[@id='generate']") is not None


def press_everything(client, model_id, data) -> None:
    """Refresh, switch and press; and the pages open after that."""
    for action, headers in (("refresh", HTMX_HEADERS), ("switch", HTMX_HEADERS), ("", {})):
        path = f"/create/{model_id}/" + (f"{action}/" if action else "")
        response = client.post(path, data, headers=headers)
        assert response.status_code in (200, 302), (action, data)
        if action == "refresh":
            assert_pages_open(client, model_id)


@each_spec
@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=lambda text: ascii(text[:20]))
def test_a_text_in_every_control_at_once_keeps_no_page_from_opening(ada_client, spec, text):
    press_everything(ada_client, spec.id, fill_every_control(spec, text))


@each_spec
@pytest.mark.parametrize("text", WORST_TEXTS, ids=lambda text: ascii(text[:20]))
def test_nor_does_one_in_any_single_control(ada_client, spec, text):
    for field in spec.fields:
        data = {"prompt": "A cat", **fill_control(field, text)}
        assert post_form(ada_client, spec.id, data, action="refresh").status_code == 200
        marked_names = open_create_page(ada_client, spec.id).error_texts()
        assert {name.partition("-")[0] for name in marked_names} <= {field.name}
        assert post_form(ada_client, spec.id, data, is_htmx=True).status_code == 200


@pytest.mark.parametrize(("model_id", "name"), NUMBER_FIELDS)
@pytest.mark.parametrize(
    "number",
    ["9" * 30, "9" * 5000, "1e400", "-0", "NaN", "٣", "1_000"],
    ids=lambda text: text[:20],
)
def test_a_number_that_is_none_is_an_error_at_its_field_without_a_price(
    ada_client, model_id, name, number
):
    for action in ("refresh", ""):
        page = ParsedPage(
            post_form(ada_client, model_id, {name: number}, action=action, is_htmx=True)
        )
        assert page.error_text(name)
        assert (
            element_text(page.find_one("button[@data-action='generate']")).split("·")[0].strip()
            == "Generate"
        )
        assert "credits" not in element_text(page.find_one("button[@data-action='generate']"))
    assert open_create_page(ada_client, model_id).error_text(name)
    assert not Generation.objects.exists()


@pytest.mark.parametrize("seconds", ["9" * 30, "9" * 10_000, "٣", "NaN", "-1", "16"])
def test_the_seconds_of_a_shot_likewise(ada_client, seconds):
    fields = {"multi_shot": "true", "shots-0-prompt": "a", "shots-0-duration": seconds}
    for action in ("refresh", ""):
        page = ParsedPage(post_form(ada_client, KLING, fields, action=action, is_htmx=True))
        assert page.error_text("shots-0-duration")
    assert open_create_page(ada_client, KLING).error_text("shots-0-duration")


@each_spec
@pytest.mark.parametrize("kind", HOSTILE_JSON)
def test_no_stored_draft_keeps_a_page_from_opening(ada_client, ada, spec, kind):
    for json_text in (HOSTILE_JSON[kind], fill_every_field(spec, HOSTILE_JSON[kind])):
        Draft.objects.all().delete()
        draft = Draft.objects.create(owner=ada, model_id=spec.id, values={}, saved_at=NOW)
        store_json(draft, "values", json_text)
        page = open_create_page(ada_client, spec.id)
        for action in ("", "refresh"):
            response = post_form(ada_client, spec.id, page.form_values(), action=action)
            assert response.status_code in (200, 302)


@each_spec
@pytest.mark.parametrize("kind", HOSTILE_JSON)
def test_no_stored_parameters_keep_a_page_from_opening(ada_client, ada, spec, kind):
    owner_client = client_of(UserFactory(owner=True))
    row = GenerationFactory(owner=ada, model_id=spec.id, prompt="", state=State.FAILED)
    for json_text in (HOSTILE_JSON[kind], fill_every_field(spec, HOSTILE_JSON[kind])):
        for column in ("params", "result_urls", "last_reply"):
            store_json(row, column, json_text)
        page = open_create_page(ada_client, spec.id, f"?from={row.pk}")
        assert post_form(ada_client, spec.id, page.form_values()).status_code in (200, 302)
        for path in (
            f"/create/{spec.id}/?show={row.pk}",
            f"/show/{row.pk}/",
            "/films/?status=all",
            "/films/",
            "/live/?since=0.0.x",
        ):
            assert ada_client.get(path).status_code in (200, 204), path
        accuracy_url = reverse("admin:credits_drift")
        for path in (GENERATIONS_URL, generation_url(row), USAGE_URL, "/admin/", accuracy_url):
            assert owner_client.get(path).status_code == 200, path


@pytest.mark.parametrize(
    "query",
    [
        f"{name}={value}"
        for name in ("from", "recipe", "show", "afresh", "no_such")
        for value in ("9" * 18, "9" * 30, "９", "-1", "1e5", "NaN", "", "%00", "%ff", "x" * 5000)
    ],
    ids=lambda query: query[:20],
)
def test_an_address_opens_a_page_or_is_not_found(ada_client, query):
    assert ada_client.get(f"/create/{SEEDANCE}/?{query}").status_code in (200, 404)


@pytest.mark.parametrize("url", ["http://[", "http://[::1", "x" * 9000, "//", "?from=1&" * 999])
def test_the_address_that_a_browser_names_may_be_anything(ada_client, url):
    headers = {**HTMX_HEADERS, "HX-Current-URL": url}
    path = f"/create/{SEEDANCE}/refresh/"
    assert ada_client.post(path, {"prompt": "x"}, headers=headers).status_code in (200, 400)


def test_a_model_that_left_the_catalogue_keeps_its_films(ada_client, ada):
    for model_id in ("left", "a/b", "", "../x"):
        GenerationFactory(owner=ada, model_id=model_id, state=State.FAILED)
    assert_pages_open(ada_client, SEEDANCE)
    assert ada_client.get("/films/").status_code == 200


@pytest.mark.parametrize("kind", HOSTILE_JSON)
def test_no_stored_price_keeps_a_page_from_opening(ada_client, kind):
    factor = f'[{{"when": {HOSTILE_JSON[kind]}, "times": {HOSTILE_JSON[kind]}}}]'
    card = RateCard.objects.get(model_id=SEEDANCE)
    for json_text in (HOSTILE_JSON[kind], factor):
        store_json(card, "factors", json_text)
        assert_pages_open(ada_client, SEEDANCE)


def test_a_price_that_cannot_be_booked_is_none(ada_client):
    RateCard.objects.filter(model_id=SEEDANCE).update(credits_per_unit=Decimal(10) ** 11)
    page = ParsedPage(post_form(ada_client, SEEDANCE, {"duration": "12"}, action="refresh"))
    button = page.find_one("button[@data-action='generate']")
    assert "at most 200 credits" in element_text(button)
    assert_pages_open(ada_client, SEEDANCE)
