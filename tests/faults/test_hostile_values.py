"""Values that are none, typed, sent or stored: every page opens, and none of them is paid for."""

import pytest
from django.test import Client

from evolink_studio.accounts.models import User
from evolink_studio.catalog import SPECS
from evolink_studio.generations.models import Draft, Generation
from evolink_studio.generations.states import State
from tests.factories import NOW, GenerationFactory, UserFactory
from tests.faults.report import count_cases
from tests.generations.form_client import HTMX_HEADERS
from tests.generations.hostile_values import (
    HOSTILE_JSON,
    HOSTILE_TEXTS,
    fill_every_control,
    fill_every_field,
    store_json,
)

pytestmark = [pytest.mark.django_db, pytest.mark.faults]

# Between them they have every kind of control.
EVERY_CONTROL = (SPECS["kling-o3-image-to-video"], SPECS["sora-2-preview"])


@pytest.fixture
def browser() -> Client:
    client = Client()
    client.force_login(UserFactory(username="ada"))
    return client


def test_a_hostile_form_leaves_every_page_open_and_is_never_taken(browser):
    with count_cases("Forms: hostile values typed, refreshed and pressed") as case_counter:
        for spec in SPECS.values():
            for text in HOSTILE_TEXTS:
                data = fill_every_control(spec, text)
                for path in (f"/create/{spec.id}/refresh/", f"/create/{spec.id}/"):
                    assert browser.post(path, data, headers=HTMX_HEADERS).status_code == 200
                    assert browser.get(f"/create/{spec.id}/").status_code == 200
                    case_counter.cases += 1
        numbers = Generation.objects.filter(params__has_key="duration")
        assert all(1 <= row.params["duration"] <= 15 for row in numbers)


def test_a_hostile_row_leaves_every_page_open(browser):
    ada = User.objects.get(username="ada")
    with count_cases("Forms: hostile values in stored drafts and rows") as case_counter:
        for spec in EVERY_CONTROL:
            draft = Draft.objects.create(owner=ada, model_id=spec.id, values={}, saved_at=NOW)
            row = GenerationFactory(owner=ada, model_id=spec.id, prompt="", state=State.FAILED)
            for kind in HOSTILE_JSON.values():
                for json_text in (kind, fill_every_field(spec, kind)):
                    store_json(draft, "values", json_text)
                    store_json(row, "params", json_text)
                    for query in ("", f"?from={row.pk}"):
                        assert browser.get(f"/create/{spec.id}/{query}").status_code == 200
                        case_counter.cases += 1
                assert browser.get("/films/").status_code == 200
