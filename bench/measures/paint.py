"""Until the largest thing of a page is painted, and what moves meanwhile: Chromium, empty cache.

A person with 10 000 films, pictures and films from this machine. Seconds of the clock: other load
on the machine counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from playwright.sync_api import Browser

from bench.browser import (
    PHONE,
    SCREEN,
    open_browser,
    open_page,
    read_entries,
    read_processor_ms,
    start_processor_clock,
)
from bench.figures import Figure, median
from bench.film_library import create_film_library
from bench.generation_rows import MODEL_ID
from bench.instances import InstanceFactory
from bench.signed_in_users import SignedInUser
from bench.sizes import BenchSize
from evolink_studio.generations.models import Generation

FILM_COUNT = 10_000
SETTLING_MS = 500  # milliseconds until nothing is painted any more
SIZES = {"screen": SCREEN, "phone": PHONE}


@dataclass(frozen=True)
class PageLoad:
    """One load with an empty cache; times in ms."""

    largest_paint_ms: float
    layout_shift: float
    processor_ms: float


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    with instances.create_instance() as instance:
        with instance.use_database():
            user = create_film_library(instance, FILM_COUNT)
            paths = list_page_paths()
        with instance.run_web(), open_browser() as browser:
            base_url = f"http://127.0.0.1:{instance.port}"
            yield from _measure_pages(browser, base_url, user, paths, size.paint_rounds)


def list_page_paths() -> dict[str, str]:
    """The three pages that people work with, by name."""
    newest_id = Generation.objects.latest("created_at").pk
    create = f"/create/{MODEL_ID}/"
    return {"create": create, "films": "/films/", "film": f"{create}?show={newest_id}"}


def _measure_pages(
    browser: Browser, base_url: str, user: SignedInUser, paths: dict[str, str], rounds: int
) -> Iterator[Figure]:
    shifts = []
    for size_name, pixels in SIZES.items():
        for name, path in paths.items():
            loads = [_load_page(browser, base_url, user, path, pixels) for _ in range(rounds)]
            paints = [load.largest_paint_ms / 1000 for load in loads]
            shifts += [load.layout_shift for load in loads]
            title = f"{name} page on a {size_name}: largest paint"
            yield Figure(title, median(paints), "s", at_most=0.6)
            yield Figure("  the quickest", min(paints), "s")
            processor_ms = median([load.processor_ms for load in loads])
            yield Figure("  processor of the page's main thread", processor_ms, "ms")
    yield Figure("layout shift of these pages, the largest", max(shifts), at_most=0)


def _load_page(
    browser: Browser, base_url: str, user: SignedInUser, path: str, pixels: tuple[int, int]
) -> PageLoad:
    with open_page(browser, base_url, user, size=pixels) as page:
        clock = start_processor_clock(page)
        page.goto(path)
        page.wait_for_timeout(SETTLING_MS)
        return PageLoad(
            read_entries(page, "largest-contentful-paint")[-1]["start"],
            sum(entry["value"] for entry in read_entries(page, "layout-shift")),
            read_processor_ms(clock),
        )
