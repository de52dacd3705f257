"""What a person does in the browser, by the hooks that scripts may rely on."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import TIMEOUT_MS, LiveStudio
from tests.sample_images import make_image

CHOICES_BY_MODEL = {
    "veo3.1-pro": {"aspect_ratio": "9:16"},
    "kling-o3-image-to-video": {"quality": "720p"},
    "sora-2-preview": {"duration": "4"},
    "grok-imagine-text-to-video": {"mode": "fun"},
    "doubao-seedance-1.0-pro-fast": {"quality": "480p"},
}

SUBMIT_URL = re.compile(r"/create/[^/]+/$")


def open_model(page: Page, studio: LiveStudio, model_id: str) -> None:
    page.goto(studio.build_url(f"/create/{model_id}/"))
    expect(page.locator(f"form[data-model='{model_id}']")).to_be_visible()


def choose_option(page: Page, name: str, value: str) -> None:
    """Press a chip by its label, as a person does, and wait for the form to come back."""
    chip = page.locator(f"[name={name}][value='{value}']")
    with page.expect_response("**/refresh/"):
        page.locator(f"label[for='{chip.get_attribute('id')}']").click()
    wait_until_idle(page)


def wait_until_idle(page: Page) -> None:
    """Wait until no question to the server is under way."""
    expect(page.locator("#generate.htmx-request, #generate .htmx-request")).to_have_count(0)


@contextmanager
def hold_requests(page: Page, pattern: str | re.Pattern[str]) -> Iterator[None]:
    """Requests to these addresses are under way until the end of the block."""
    routes: list[Route] = []

    def hold(route: Route) -> None:  # not the list's own method, on which Playwright cannot write
        routes.append(route)

    page.route(pattern, hold)
    with page.expect_request(pattern):
        yield
    for route in routes:
        route.continue_()
    page.unroute(pattern)


def collect_requests(page: Page, pattern: str) -> list[Route]:
    """Requests to these addresses from now on, in their order: under way until released."""
    routes: list[Route] = []

    def collect(
        route: Route,
    ) -> None:  # not the list's own method, on which Playwright cannot write
        routes.append(route)

    page.route(pattern, collect)
    return routes


def release_requests(page: Page, routes: list[Route], numbers: list[int]) -> None:
    """Let the collected requests with these numbers go on, one after another's answer."""
    for _ in range(1000):
        if len(routes) > max(numbers):
            break
        page.evaluate("0")  # lets Playwright hear of further requests
    for number in numbers:
        with page.expect_response(lambda r, n=number: r.request == routes[n].request):
            routes[number].continue_()


def fill_field(page: Page, name: str, value: str) -> None:
    """Type into a field and see it there. On a busy machine the browser takes typed text in so
    late that a key pressed right after it would leave the field first."""
    field = page.locator(f"#generate [name={name}]")
    field.fill(value)
    expect(field).to_have_value(value)


def fill_prompt(page: Page, prompt: str) -> None:
    fill_field(page, "prompt", prompt)


def add_shot(page: Page, number: int) -> None:
    """Press the button for one more shot and wait for its row, the one with this number."""
    page.locator("[name=_do][value='shots:add']").click()
    expect(page.locator(f"[name=shots-{number}-prompt]")).to_be_visible()
    wait_until_idle(page)


def fill_shot(page: Page, number: int, prompt: str, seconds: int) -> None:
    """Fill a row of the shots and leave it; then the page shows what the server says to it.

    A press beside an older request would wait for this one, and may find another price.
    """
    fill_field(page, f"shots-{number}-prompt", prompt)
    fill_field(page, f"shots-{number}-duration", str(seconds))
    wait_until_idle(page)
    with page.expect_response("**/refresh/"):
        page.press(f"[name=shots-{number}-duration]", "Tab")
    wait_until_idle(page)


def upload_image(page: Page, folder: Path, name: str, **size: int) -> None:
    path = folder / "frame.png"
    path.write_bytes(make_image(**{"width": 1280, "height": 720, **size}))
    with page.expect_response("**/refresh/"):
        page.set_input_files(f"input[type=file][name={name}]", path)


def press_generate(page: Page) -> None:
    """Press the button and wait until the page shows what the server says to it."""
    wait_until_idle(page)
    with page.expect_response(
        lambda r: bool(SUBMIT_URL.search(r.url)) and r.request.method == "POST"
    ):
        page.click("[data-action=generate]")
    wait_until_idle(page)


@contextmanager
def hold_press(page: Page) -> Iterator[None]:
    """Press the button; the press is under way until the end of the block."""
    wait_until_idle(page)
    with hold_requests(page, SUBMIT_URL):
        page.click("[data-action=generate]")
        yield


def selected_card(page: Page, status: str = "") -> Locator:
    """The card on the stage, once it has this state."""
    return page.locator(f"#stage .stage-card{f'[data-status={status}]' if status else ''}")


def wait_until(page: Page, expression: str) -> None:
    """Wait for what an expression says; Playwright's own way is forbidden by the pages' policy."""
    for _ in range(TIMEOUT_MS // 50):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {expression}")


def wait_for_next_frames(page: Page) -> None:
    """Until what this moment's frame set going has been painted, and its watchers have told."""
    page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


def video_plays(page: Page) -> bool:
    """Whether the film on the stage really runs in this browser."""
    page.evaluate(
        """async () => {
            const film = document.querySelector("#stage video");
            film.muted = true;
            await film.play();
        }"""
    )
    wait_until(page, 'document.querySelector("#stage video").currentTime > 0.2')
    return page.evaluate('document.querySelector("#stage video").videoWidth > 0')


def axe_violations(page: Page) -> list[str]:
    """What breaks a rule for screen readers, and where."""
    results = Axe().run(page).response["violations"]
    return [f"{v['id']}: {[n['target'] for n in v['nodes']]}" for v in results]
