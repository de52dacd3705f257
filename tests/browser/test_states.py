"""Every state as a person finds it: its words large and small, its money, and what can be done.

The rows are put there as they would stand; no worker runs, so nothing moves on by itself.
"""

import pytest
from django.utils import translation
from django.utils.translation import gettext as _
from playwright.sync_api import expect

from evolink_studio.accounts.models import User
from tests.browser.states import SEEN, put, show
from tests.browser.steps import violations


@pytest.mark.parametrize("seen", SEEN, ids=str)
def test_a_state_says_what_happened_what_it_cost_and_what_can_be_done(desk, still, tmp_path, seen):
    small, large = put(still, seen, tmp_path), put(still, seen, tmp_path)
    show(desk, still, large)
    stage, rail = desk.locator("#stage"), desk.locator("#rail")
    for place, words in ((stage, seen.stage), (rail, seen.rail)):
        expect(place.locator("[data-state-text]")).to_have_text(str(seen.label))
        for sentence in words:
            expect(place).to_contain_text(sentence)
    expect(stage.locator(".stage-charge")).to_have_text(seen.money)
    expect(rail.locator(".card-charge")).to_have_text(seen.money)
    expect(stage.locator(".actions :is(a, button)")).to_have_text(seen.actions)
    assert rail.locator("[data-generation]").get_attribute("data-generation") == str(small.pk)
    assert violations(desk) == []

    User.objects.update(language="de")
    show(desk, still, large)
    expect(desk.locator("html")).to_have_attribute("lang", "de")
    with translation.override("de"):
        german = str(_(str(seen.label)) if isinstance(seen.label, str) else seen.label)
    for place in (stage, rail):
        expect(place.locator("[data-state-text]")).to_have_text(german)
