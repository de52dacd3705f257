"""With what a form begins: an earlier generation, an example, or the person's draft."""

from decimal import Decimal

import pytest

from evolink_studio.catalog import SPECS
from evolink_studio.generations.models import Draft, Generation
from evolink_studio.generations.presenters.model_picker import EXAMPLES
from evolink_studio.generations.states import State
from tests.factories import NOW, VEO, AssetFactory, GenerationFactory, UserFactory
from tests.form_pages import ParsedPage, element_text
from tests.generations.conftest import reload
from tests.generations.form_client import post_form
from tests.provider_replies import make_reply

pytestmark = pytest.mark.django_db

KLING = "kling-o3-image-to-video"


def open_create_page(client, model_id, query) -> ParsedPage:
    return ParsedPage(client.get(f"/create/{model_id}/?{query}"))


def test_the_settings_of_an_earlier_one_fill_the_form(ada_client, ada):
    picture = AssetFactory(owner=ada)
    params = {"prompt": "A dog", "quality": "4k", "image_urls": [picture.ref]}
    earlier_row = GenerationFactory(owner=ada, params=params, state=State.COMPLETED)
    page = open_create_page(ada_client, VEO, f"from={earlier_row.pk}")
    assert (page.control_value("prompt"), page.control_value("quality")) == ("A dog", "4k")
    assert page.control_value("image_urls") == [picture.ref]
    assert page.find_all("*[@data-note]") == []


def test_rows_come_back_too(ada_client, ada):
    shots = [{"prompt": "one", "duration": 2}, {"prompt": "two", "duration": 3}]
    params = {"multi_shot": True, "shots": shots, "duration": 5}
    earlier_row = GenerationFactory(owner=ada, model_id=KLING, params=params)
    page = open_create_page(ada_client, KLING, f"from={earlier_row.pk}")
    assert (page.control_value("shots-1-prompt"), page.control_value("shots-1-duration")) == (
        "two",
        "3",
    )
    assert page.control_value("multi_shot") == "true"


def test_what_was_sent_can_be_sent_again_as_it_stands(ada_client, ada):
    earlier_row = GenerationFactory(owner=ada, state=State.COMPLETED)
    page = open_create_page(ada_client, VEO, f"from={earlier_row.pk}")
    assert post_form(ada_client, VEO, page.form_values()).status_code == 302
    new_row = Generation.objects.latest("pk")
    assert new_row.pk != earlier_row.pk
    assert new_row.form_key != earlier_row.form_key
    assert new_row.params["prompt"] == earlier_row.params["prompt"]


def test_what_was_typed_last_time_can_be_left_for_an_empty_form(ada_client, ada):
    Draft.objects.create(owner=ada, model_id=VEO, values={"prompt": "A whale"}, saved_at=NOW)
    page = open_create_page(ada_client, VEO, "")
    note = page.find_one("*[@data-note]")
    assert page.control_value("prompt") == "A whale"
    assert "Restored from your last visit" in element_text(note)
    (fresh_link,) = note.findall(".//a")
    empty = ParsedPage(ada_client.get(fresh_link.get("href")))
    assert empty.control_value("prompt") == ""
    assert empty.find_all("*[@data-note]") == []


def test_a_form_that_was_left_empty_is_not_called_restored(ada_client, ada):
    Draft.objects.create(
        owner=ada, model_id=VEO, values={"prompt": "", "image_urls": []}, saved_at=NOW
    )
    assert open_create_page(ada_client, VEO, "").find_all("*[@data-note]") == []


def test_a_failed_one_says_that_trying_again_is_paid_anew(ada_client, ada):
    failed_row = GenerationFactory(owner=ada, state=State.FAILED, error_code="service_error")
    page = open_create_page(ada_client, VEO, f"from={failed_row.pk}")
    assert "new paid generation" in element_text(page.find_one("*[@data-note]"))
    assert page.error_texts() == {}


def test_a_failed_one_opens_at_the_field_that_evolink_named(ada_client, fake_provider, worker, ada):
    failed_row = GenerationFactory(owner=ada)
    error = {"code": "invalid_parameter", "message": "4k is closed today.", "param": "quality"}
    fake_provider.create.reply_next(make_reply({"error": error}, 400))
    worker.dispatch_due()
    page = open_create_page(ada_client, VEO, f"from={failed_row.pk}")
    assert page.error_texts() == {"quality": "4k is closed today."}


@pytest.mark.parametrize(
    ("error_field", "at"),
    [
        ("model_params.shots", "shots"),
        ("image_urls[0]", "image_urls"),
        ("body.image_urls[0]", "image_urls"),
        ("no_such_field", None),
        ("", None),
        ("<script>", None),
    ],
)
def test_a_name_from_elsewhere_marks_a_field_only_if_there_is_one(ada_client, ada, error_field, at):
    failed_row = GenerationFactory(
        owner=ada,
        model_id=KLING,
        state=State.FAILED,
        error_code="invalid_parameter",
        error_field=error_field,
        params={"prompt": "x"},
    )
    page = open_create_page(ada_client, KLING, f"from={failed_row.pk}")
    assert list(page.error_texts()) == ([at] if at else [])
    if at:
        assert "does not accept one of the settings" in page.error_text(at)


def test_what_evolink_said_is_shown_as_text(ada_client, ada):
    failed_row = GenerationFactory(
        owner=ada,
        state=State.FAILED,
        error_field="prompt",
        error_text='<img src=x onerror=alert(1)> {said} {0} "quoted"',
    )
    page = open_create_page(ada_client, VEO, f"from={failed_row.pk}")
    assert page.error_text("prompt") == failed_row.error_text
    assert page.find_all("img[@onerror]") == []


@pytest.mark.parametrize("query", ["from", "show"])
def test_generations_of_others_and_of_nobody_are_not_found(ada_client, eve, query):
    other_row = GenerationFactory(owner=eve)
    for number in (other_row.pk, 999_999, 0):
        assert ada_client.get(f"/create/{VEO}/?{query}={number}").status_code == 404


@pytest.mark.parametrize("query", ["from=x", "from=-1", "from=", "from=" + "9" * 40, "recipe=77"])
def test_an_address_that_makes_no_sense_is_an_empty_form(ada_client, query):
    page = open_create_page(ada_client, VEO, query)
    assert page.control_value("prompt") == ""


@pytest.mark.parametrize("number", EXAMPLES)
def test_an_example_fills_the_form_and_can_be_sent_as_it_stands(ada_client, number):
    example = EXAMPLES[number]
    page = open_create_page(ada_client, example.model_id, f"recipe={number}")
    assert page.control_value("prompt") == str(example.prompt)
    for name, value in example.settings.items():
        assert page.control_value(name) == str(value)
    assert post_form(ada_client, example.model_id, page.form_values()).status_code == 302


def test_a_first_visit_shows_the_examples_with_their_prices(ada_client):
    page = open_create_page(ada_client, VEO, "")
    links = {link.get("href") for link in page.find_all("a")}
    for number, example in EXAMPLES.items():
        assert f"/create/{example.model_id}/?recipe={number}" in links
    assert "162 credits" in page.text


def test_an_example_is_of_a_model_that_we_have():
    assert {example.model_id for example in EXAMPLES.values()} <= SPECS.keys()


def test_the_way_home_leads_to_the_model_used_last(ada_client, ada):
    assert ada_client.get("/")["Location"] == f"/create/{next(iter(SPECS))}/"
    GenerationFactory(owner=ada, model_id="sora-2-preview")
    assert ada_client.get("/")["Location"] == "/create/sora-2-preview/"
    GenerationFactory(owner=ada, model_id="left-the-catalogue")
    assert ada_client.get("/")["Location"] == f"/create/{next(iter(SPECS))}/"


def test_trying_again_is_a_second_generation_and_leaves_the_first_alone(
    ada_client, fake_provider, worker, ada
):
    failed_row = GenerationFactory(owner=ada, state=State.FAILED, error_code="service_error")
    page = open_create_page(ada_client, VEO, f"from={failed_row.pk}")
    post_form(ada_client, VEO, page.form_values())
    second = Generation.objects.latest("pk")
    worker.clock.now = second.created_at
    worker.dispatch_due()
    assert fake_provider.paid_count == 1
    assert reload(second).state == "running"
    assert (reload(failed_row).state, reload(failed_row).credits_charged) == ("failed", Decimal(0))


def test_a_nul_in_what_was_typed_does_not_stop_the_draft(client):
    user = UserFactory()
    client.force_login(user)
    address = "/create/grok-imagine-text-to-video/"
    assert client.post(f"{address}refresh/", {"prompt": "a\0cat"}).status_code == 200
    assert "acat" in client.get(address).content.decode()


@pytest.mark.parametrize(
    ("query", "after"),
    [
        ("?afresh", "/create/veo3.1-pro/"),
        ("?recipe=1", "/create/veo3.1-pro/"),
        ("?from=12&show=3", "/create/veo3.1-pro/?show=3"),
        ("?show=3", None),
        ("", None),
    ],
)
def test_a_changed_form_is_its_draft_at_the_next_reload(ada_client, query, after):
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://studio.test/create/{VEO}/{query}"}
    response = ada_client.post(f"/create/{VEO}/refresh/", {"prompt": "Mine"}, headers=headers)
    assert response.headers.get("HX-Replace-Url") == after
