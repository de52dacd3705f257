"""Every request worked out from the documentation, from the form down to what EvoLink receives."""

import pytest

from evolink_studio.catalog import SPECS
from evolink_studio.catalog.fields import Control
from evolink_studio.generations.models import Generation
from evolink_studio.library.models import Asset
from tests.contract import CASES, Case
from tests.generations.conftest import fresh
from tests.generations.pressing import as_typed, number_at, numbered, press
from tests.page import Page

pytestmark = pytest.mark.django_db

ACCEPTED = [case for case in CASES if case.accept]
REFUSED = [case for case in CASES if not case.accept]


def pressed(tab, case: Case, **how):
    """The form of this case, filled in and sent with its picture files."""
    numbers = iter(range(1, 12))
    files = {
        name: [numbered(next(numbers), p.width, p.height, p.format) for p in pictures]
        for name, pictures in case.pictures.items()
    }
    typed = as_typed({"prompt": "", **case.fields})
    return press(tab, case.model, typed, **files, **how)


def names_of(case: Case) -> dict[int, str]:
    """The names of the pictures, by the number that each shows."""
    names = [picture.name for pictures in case.pictures.values() for picture in pictures]
    return dict(enumerate(names, 1))


@pytest.mark.parametrize("case", ACCEPTED, ids=str)
def test_what_the_documentation_allows_reaches_evolink_as_documented(tab, far, worker, case):
    response = pressed(tab, case)
    generation = Generation.objects.get()
    assert response.status_code == 302
    assert response["Location"] == f"/create/{case.model}/?show={generation.pk}"

    worker.clock.now = generation.created_at
    worker.send()
    assert fresh(generation).state == "running"
    sent = far.create.requests[0].json
    names = names_of(case)
    urls = {names[number_at(request_url)]: request_url for request_url in _urls(sent)}
    expected = case.expected(urls)
    assert {key: sent.get(key) for key in expected} == expected
    assert not set(case.absent) & set(sent)
    assert far.paid == 1


def _urls(value: object) -> list[str]:
    if isinstance(value, dict):
        return [url for item in value.values() for url in _urls(item)]
    if isinstance(value, list):
        return [url for item in value for url in _urls(item)]
    return [value] if isinstance(value, str) and value.startswith("http://127.") else []


@pytest.mark.parametrize("htmx", [False, True], ids=["page", "fragment"])
@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_it_forbids_is_refused_at_its_field_and_everything_typed_stays(
    tab, far, worker, case, htmx
):
    response = pressed(tab, case, htmx=htmx)
    assert response.status_code == 200
    assert not Generation.objects.exists()
    page = Page(response)
    assert {name.partition("-")[0] for name in page.errors()} == {case.field}
    assert page.error(case.field)

    for name, value in as_typed(case.fields).items():
        if SPECS[case.model].get_field(name.partition("-")[0]).control != Control.CHOICE:
            shown = str(page.value(name))
            assert shown.split() == str(value).split(), name
    for name, pictures in case.pictures.items():
        assert len(page.value(name)) == len(pictures)

    worker.everything()
    assert far.received == []


def _can_be_shown(case: Case) -> bool:
    """A choice that is not offered has no chip that could show it."""
    field = SPECS[case.model].get_field(case.field)
    offered = {str(option.value) for option in field.options}
    return not offered or str(case.fields.get(case.field)) in offered


@pytest.mark.parametrize("case", [case for case in REFUSED if _can_be_shown(case)], ids=str)
def test_the_refused_form_can_be_sent_again_as_it_stands(tab, case):
    """Its pictures need not be chosen again: they are in the library now."""
    page = Page(pressed(tab, case))
    before = Asset.objects.count()
    again = Page(press(tab, case.model, page.typed()))
    assert {name.partition("-")[0] for name in again.errors()} == {case.field}
    assert again.typed() == page.typed()
    assert Asset.objects.count() == before
