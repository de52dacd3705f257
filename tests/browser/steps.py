"""What a person does in the browser, by the hooks that scripts may rely on."""

import re
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Studio
from tests.pictures import picture

MODELS = {
    "veo3.1-pro": {"aspect_ratio": "9:16"},
    "kling-o3-image-to-video": {"quality": "720p"},
    "sora-2-preview": {"duration": "4"},
    "grok-imagine-text-to-video": {"mode": "fun"},
    "doubao-seedance-1.0-pro-fast": {"quality": "480p"},
}


def open_model(page: Page, studio: Studio, model_id: str) -> None:
    page.goto(studio.url(f"/create/{model_id}/"))
    expect(page.locator(f"form[data-model='{model_id}']")).to_be_visible()


def choose(page: Page, name: str, value: str) -> None:
    """Press a chip by its label, as a person does, and wait for the form to come back."""
    chip = page.locator(f"[name={name}][value='{value}']")
    with page.expect_response("**/refresh/"):
        page.locator(f"label[for='{chip.get_attribute('id')}']").click()
    settled(page)


def settled(page: Page) -> None:
    """Wait until no question to the server is under way."""
    expect(page.locator("#generate.htmx-request, #generate .htmx-request")).to_have_count(0)


def write(page: Page, prompt: str) -> None:
    page.fill("textarea[name=prompt]", prompt)


def give_picture(page: Page, folder: Path, name: str, **size: int) -> None:
    path = folder / "frame.png"
    path.write_bytes(picture(**{"width": 1280, "height": 720, **size}))
    with page.expect_response("**/refresh/"):
        page.set_input_files(f"input[type=file][name={name}]", path)


def press(page: Page) -> None:
    """Press the button and wait for what the server says to it."""
    settled(page)
    pressed = re.compile(r"/create/[^/]+/$")
    with page.expect_response(lambda r: bool(pressed.search(r.url)) and r.request.method == "POST"):
        page.click("[data-action=generate]")


def card(page: Page, status: str = "") -> Locator:
    """The card on the stage, once it has this state."""
    return page.locator(f"#stage [data-generation]{f'[data-status={status}]' if status else ''}")


def plays(page: Page) -> bool:
    """Whether the film on the stage really runs in this browser."""
    return page.evaluate(
        """async () => {
            const film = document.querySelector("#stage video");
            film.muted = true;
            await film.play();
            await new Promise((done) => film.addEventListener("timeupdate", () => {
                if (film.currentTime > 0.2) done();
            }));
            return film.videoWidth > 0;
        }"""
    )


def violations(page: Page) -> list[str]:
    """What breaks a rule for screen readers, and where."""
    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {[n['target'] for n in v['nodes']]}" for v in found]
