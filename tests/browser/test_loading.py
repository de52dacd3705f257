"""While a page loads, nothing that stands already moves."""

import pytest

from tests.browser.states import create_generation_as, get_expected_card, open_generation
from tests.browser.steps import open_model
from tests.factories import VEO

LIST_SHIFTS = """() => new Promise(resolve => {
  const observer = new PerformanceObserver(list => resolve(list.getEntries().map(describe)));
  const describe = ({ value, sources }) => [value, ...sources.map(({ node }) => node?.outerHTML)];
  observer.observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => requestAnimationFrame(() => resolve([])));
})"""
VIEWPORTS = {"screen": (1440, 900), "tablet": (820, 1180), "phone": (390, 844)}


@pytest.fixture(params=VIEWPORTS)
def sized_page(request, ada_page):
    width, height = VIEWPORTS[request.param]
    ada_page.set_viewport_size({"width": width, "height": height})
    # Slow enough that a page is painted in parts, if it may be.
    session = ada_page.context.new_cdp_session(ada_page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 8})
    return ada_page


def test_nothing_moves_while_the_form_opens(sized_page, idle_studio):
    open_model(sized_page, idle_studio, VEO)
    assert sized_page.evaluate(LIST_SHIFTS) == []


def test_nothing_moves_while_a_film_opens(sized_page, idle_studio, tmp_path):
    film = create_generation_as(idle_studio, get_expected_card("done"), tmp_path)
    open_generation(sized_page, idle_studio, film)
    assert sized_page.evaluate(LIST_SHIFTS) == []


def test_nothing_moves_while_the_films_come(sized_page, idle_studio, tmp_path):
    for _ in range(2):
        create_generation_as(idle_studio, get_expected_card("done"), tmp_path)
    sized_page.goto(idle_studio.build_url("/films/"))
    assert sized_page.evaluate(LIST_SHIFTS) == []


def test_a_thing_that_moves_is_seen(sized_page, idle_studio):
    open_model(sized_page, idle_studio, VEO)
    sized_page.evaluate("document.querySelector('header').style.marginTop = '40px'")
    assert sized_page.evaluate(LIST_SHIFTS) != []
