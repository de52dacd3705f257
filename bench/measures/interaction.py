"""Interaction to next paint with 10 000 films: from a key or a click to the frame that shows it.

As Chromium's event timing says it, in steps of 8 ms; what takes less than 16 ms is not told and
counts as 16. The list of films is as long as it gets. The worst event of each action, the median of
several rounds; once more with a processor four times slower, without a target.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page

from bench.browser import open_browser, open_page, read_entries
from bench.figures import Figure, median
from bench.film_library import create_film_library
from bench.instances import InstanceFactory
from bench.measures.paint import FILM_COUNT, list_page_paths
from bench.signed_in_users import SignedInUser
from bench.sizes import BenchSize
from evolink_studio.films.views.gallery import MAX_DEPTH, PAGE_SIZE
from evolink_studio.generations.models import Generation

MAX_INTERACTION_MS = 50
UNTOLD_MS = 16.0  # milliseconds below which the browser tells nothing
SETTLING_MS = 700  # milliseconds until an answer came and stands on the page
SLOW_PROCESSOR = 4
FREE_OPTION = ".chips label:not(:has(input:checked)):not(:has(input:disabled))"


@dataclass(frozen=True)
class Interaction:
    """Something a person does on a page, after what leads there."""

    page: str
    name: str
    act: Callable[[Page], None]
    prepare: Callable[[Page], None] = lambda page: None


INTERACTIONS = (
    Interaction(
        "create",
        "a letter of the prompt",
        lambda page: page.keyboard.type("A paper boat at dusk"),
        lambda page: page.click("textarea[name=prompt]"),
    ),
    Interaction("create", "an option", lambda page: page.locator(FREE_OPTION).first.click()),
    Interaction("create", "opening the models", lambda page: page.click("#model-button")),
    Interaction(
        "create", "choosing another model", lambda page: page.locator(".model-card").nth(2).click()
    ),
    Interaction(
        "create", "choosing a film", lambda page: page.locator(".card-title a").nth(3).click()
    ),
    Interaction(
        "film",
        "a letter of the prompt",
        lambda page: page.keyboard.type("A paper boat at dusk"),
        lambda page: page.click("textarea[name=prompt]"),
    ),
    Interaction("film", "opening the details", lambda page: page.click("#stage details summary")),
    Interaction(
        "films", "the End key, which brings the last", lambda page: page.keyboard.press("End")
    ),
    Interaction("films", "opening a menu", lambda page: page.click("[popovertarget=account-menu]")),
    Interaction("films", "the Tab key", lambda page: page.keyboard.press("Tab")),
    Interaction("films", "Page Up", lambda page: page.keyboard.press("PageUp")),
)


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    with instances.create_instance() as instance:
        with instance.use_database():
            user = create_film_library(instance, FILM_COUNT)
            paths = list_page_paths() | {"films": _find_long_list_path()}
        base_url = f"http://127.0.0.1:{instance.port}"
        with instance.run_web(), open_browser() as browser:
            times: dict[Interaction, list[float]] = {each: [] for each in INTERACTIONS}
            for _ in range(size.interaction_rounds):
                for interaction, time in _time_round(browser, base_url, user, paths, slowdown=1):
                    times[interaction].append(time)
            slow_times = [
                time
                for _, time in _time_round(browser, base_url, user, paths, slowdown=SLOW_PROCESSOR)
            ]
    for interaction, values in times.items():
        title = f"{interaction.page} page: {interaction.name} → painted"
        yield Figure(title, median(values), "ms", at_most=MAX_INTERACTION_MS)
    yield Figure(
        "interaction to next paint, the worst of these",
        max(median(values) for values in times.values()),
        "ms",
        at_most=MAX_INTERACTION_MS,
    )
    yield Figure(f"  with a processor {SLOW_PROCESSOR} times slower", max(slow_times), "ms")


def _find_long_list_path() -> str:
    """The list of films with as many as a page takes, but for the last ones."""
    films = Generation.objects.order_by("-created_at", "-id")
    last = films[MAX_DEPTH - PAGE_SIZE - 1]
    return f"/films/?{urlencode({'through': last.created_at.isoformat(), 'id': last.pk})}"


def _time_round(
    browser: Browser,
    base_url: str,
    user: SignedInUser,
    paths: dict[str, str],
    *,
    slowdown: int,
) -> Iterator[tuple[Interaction, float]]:
    """Each interaction with its worst event in ms, one page after the other."""
    for name, path in paths.items():
        with open_page(browser, base_url, user) as page:
            page.goto(path)
            for interaction in (each for each in INTERACTIONS if each.page == name):
                interaction.prepare(page)
                page.wait_for_timeout(SETTLING_MS)
                read_entries(page, "event")
                session = page.context.new_cdp_session(page)
                session.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
                interaction.act(page)
                page.wait_for_timeout(SETTLING_MS)
                session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
                events = [each for each in read_entries(page, "event") if each["isInteraction"]]
                yield interaction, max((each["duration"] for each in events), default=UNTOLD_MS)
