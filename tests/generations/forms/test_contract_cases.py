"""Every request worked out from the documentation, from the form down to what EvoLink receives."""

import pytest

from evolink_studio.catalog import SPECS
from evolink_studio.catalog.fields import Control
from evolink_studio.generations.models import Generation
from evolink_studio.library.models import Asset
from tests.contract_cases import CASES, ContractCase
from tests.form_pages import ParsedPage
from tests.generations.conftest import reload
from tests.generations.form_client import (
    make_numbered_image,
    post_form,
    read_image_number,
    to_form_data,
)

pytestmark = pytest.mark.django_db

ACCEPTED = [case for case in CASES if case.is_accepted]
REJECTED = [case for case in CASES if not case.is_accepted]


def post_case(client, case: ContractCase, **options):
    """The form of this case, filled in and sent with its picture files."""
    numbers = iter(range(1, 12))
    files = {
        name: [
            make_numbered_image(next(numbers), picture.width, picture.height, picture.format)
            for picture in pictures
        ]
        for name, pictures in case.pictures.items()
    }
    data = to_form_data({"prompt": "", **case.fields})
    return post_form(client, case.model_id, data, **files, **options)


def picture_names(case: ContractCase) -> dict[int, str]:
    """The names of the pictures, by the number that each shows."""
    names = [picture.name for pictures in case.pictures.values() for picture in pictures]
    return dict(enumerate(names, 1))


@pytest.mark.parametrize("case", ACCEPTED, ids=str)
def test_what_the_documentation_allows_reaches_evolink_as_documented(
    ada_client, fake_provider, worker, case
):
    response = post_case(ada_client, case)
    generation = Generation.objects.get()
    assert response.status_code == 302
    assert response["Location"] == f"/create/{case.model_id}/?show={generation.pk}"

    worker.clock.now = generation.created_at
    worker.dispatch_due()
    assert reload(generation).state == "running"
    wire_body = fake_provider.create.requests[0].json
    names = picture_names(case)
    urls = {
        names[read_image_number(request_url)]: request_url
        for request_url in _loopback_urls(wire_body)
    }
    expected = case.expected_payload(urls)
    assert {key: wire_body.get(key) for key in expected} == expected
    assert not set(case.absent) & set(wire_body)
    assert fake_provider.paid_count == 1


def _loopback_urls(value: object) -> list[str]:
    if isinstance(value, dict):
        return [url for item in value.values() for url in _loopback_urls(item)]
    if isinstance(value, list):
        return [url for item in value for url in _loopback_urls(item)]
    return [value] if isinstance(value, str) and value.startswith("http://127.") else []


@pytest.mark.parametrize("htmx", [False, True], ids=["page", "fragment"])
@pytest.mark.parametrize("case", REJECTED, ids=str)
def test_what_it_forbids_is_refused_at_its_field_and_everything_typed_stays(
    ada_client, fake_provider, worker, case, htmx
):
    response = post_case(ada_client, case, htmx=htmx)
    assert response.status_code == 200
    assert not Generation.objects.exists()
    page = ParsedPage(response)
    assert {name.partition("-")[0] for name in page.error_texts()} == {case.error_field}
    assert page.error_text(case.error_field)

    for name, value in to_form_data(case.fields).items():
        if SPECS[case.model_id].get_field(name.partition("-")[0]).control != Control.CHOICE:
            shown_value = str(page.control_value(name))
            assert shown_value.split() == str(value).split(), name
    for name, pictures in case.pictures.items():
        assert len(page.control_value(name)) == len(pictures)

    worker.run_all_stages()
    assert fake_provider.received_requests == []


def _is_offered(case: ContractCase) -> bool:
    """A choice that is not offered has no chip that could show it."""
    field = SPECS[case.model_id].get_field(case.error_field)
    option_values = {str(option.value) for option in field.options}
    return not option_values or str(case.fields.get(case.error_field)) in option_values


@pytest.mark.parametrize("case", [case for case in REJECTED if _is_offered(case)], ids=str)
def test_the_refused_form_can_be_sent_again_as_it_stands(ada_client, case):
    """Its pictures need not be chosen again: they are in the library now."""
    page = ParsedPage(post_case(ada_client, case))
    before = Asset.objects.count()
    second_page = ParsedPage(post_form(ada_client, case.model_id, page.form_values()))
    assert {name.partition("-")[0] for name in second_page.error_texts()} == {case.error_field}
    assert second_page.form_values() == page.form_values()
    assert Asset.objects.count() == before
