"""A form as the studio's, with Gradio: one job, whose progress changes every 2 s.

Twice: streamed by the handler of the button, which ends with the page; and read by a timer of the
page, as a job must be that outlives a reload. `time.time` stands for that job.
"""

import argparse
import time
from collections.abc import Iterator

import gradio

STEP_SECONDS = 2.0
STEPS = 1000


def generate(prompt: str, duration: int, quality: str, aspect_ratio: str) -> Iterator[str]:
    """A generator that yields is how a Gradio page shows progress of one's own."""
    for step in range(STEPS):
        yield f"{prompt}: {step % 100} %"
        time.sleep(STEP_SECONDS)


def read_progress() -> str:
    return f"{int(time.time() / STEP_SECONDS) % 100} %"


def build_page() -> gradio.Blocks:
    with gradio.Blocks() as page:
        prompt = gradio.Textbox(label="Prompt", lines=4)
        duration = gradio.Slider(2, 12, value=5, step=1, label="Duration")
        quality = gradio.Radio(["480p", "720p", "1080p"], value="480p", label="Quality")
        aspect_ratio = gradio.Dropdown(["16:9", "9:16", "1:1"], value="16:9", label="Aspect ratio")
        progress = gradio.Textbox(label="Progress")
        button = gradio.Button("Generate")
        inputs = [prompt, duration, quality, aspect_ratio]
        button.click(generate, inputs, progress, concurrency_limit=None)
        gradio.Timer(STEP_SECONDS).tick(read_progress, None, progress, concurrency_limit=None)
    return page


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    page = build_page().queue(default_concurrency_limit=None)
    page.launch(
        server_name="127.0.0.1",
        server_port=parser.parse_args().port,
        max_threads=400,  # each job that sleeps holds one
        quiet=True,
    )
