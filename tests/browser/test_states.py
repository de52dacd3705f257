"""Every state as a person finds it: its words large and small, its money, and what can be done.

The rows are put there as they would stand; no worker runs, so nothing moves on by itself.
"""

import pytest
from django.utils import translation
from django.utils.translation import gettext as _
from playwright.sync_api import expect

from evolink_studio.accounts.models import User
from tests.browser.states import EXPECTED_CARDS, create_generation_as, open_generation
from tests.browser.steps import axe_violations


@pytest.mark.parametrize("expected", EXPECTED_CARDS, ids=str)
def test_a_state_says_what_happened_what_it_cost_and_what_can_be_done(
    ada_page, idle_studio, tmp_path, expected
):
    small, large = (
        create_generation_as(idle_studio, expected, tmp_path),
        create_generation_as(idle_studio, expected, tmp_path),
    )
    open_generation(ada_page, idle_studio, large)
    stage, card_list = ada_page.locator("#stage"), ada_page.locator("#rail")
    for region, words in ((stage, expected.selected_texts), (card_list, expected.list_texts)):
        expect(region.locator("[data-state-text]")).to_have_text(str(expected.label))
        for sentence in words:
            expect(region).to_contain_text(sentence)
    expect(stage.locator(".stage-charge")).to_have_text(expected.charge_text)
    expect(card_list.locator(".card-charge")).to_contain_text(
        expected.charge_text.split("left ")[-1].removeprefix("Saved here ")
    )
    expect(stage.locator(".actions :is(a, button)")).to_have_text(expected.actions)
    assert card_list.locator("[data-generation]").get_attribute("data-generation") == str(small.pk)
    assert axe_violations(ada_page) == []

    User.objects.update(language="de")
    open_generation(ada_page, idle_studio, large)
    expect(ada_page.locator("html")).to_have_attribute("lang", "de")
    with translation.override("de"):
        german = str(_(str(expected.label)) if isinstance(expected.label, str) else expected.label)
    for region in (stage, card_list):
        expect(region.locator("[data-state-text]")).to_have_text(german)
