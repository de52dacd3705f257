"""What the same watching costs with Gradio and with Streamlit, in one run with `watchers`.

Their pages have the same form and one job whose progress changes every 2 s (`bench/peers`). As many
clients watch as before the studio, each over the protocol of the framework's own page. Gradio's is
a queue and an event stream. Streamed, the job is the handler of the button and sends by itself: it
ends with the page. By a timer, the page asks every 2 s how a job is that goes on by itself, as the
studio's do. Streamlit's is a web socket, on which the page asks for another run of its script every
2 s. Counted is the processor time of their server, as it
is started without options that matter for it; and the updates that arrived, of those due.

They are not the studio: nothing is stored, nobody signs in, and no worker reads a provider, whose
processor time is not counted in the studio's figure either. So the figures favour them.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure
from bench.instances import InstanceFactory, find_free_port_pair, wait_until_listening
from bench.peers import environment
from bench.peers.environment import FOLDER, NotInstalled
from bench.processes import BenchProcess, run_process
from bench.sizes import BenchSize

STEP_SECONDS = 2.0
SETTLING_SECONDS = 4.0
QUIET: Mapping[str, str] = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "STREAMLIT_SERVER_HEADLESS": "true",
    "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none",
}


@dataclass(frozen=True)
class Peer:
    """A framework: how its page is started, and what watches it in which way."""

    name: str
    server_arguments: tuple[str, ...]
    port_option: str
    watcher: str
    way: str


GRADIO_ARGUMENTS = (str(FOLDER / "gradio_page.py"),)
STREAMLIT_ARGUMENTS = (
    *("-m", "streamlit", "run", str(FOLDER / "streamlit_page.py")),
    "--server.address=127.0.0.1",
)
PEERS = (
    Peer("Gradio by a timer", GRADIO_ARGUMENTS, "--port", "watch_gradio.py", "timer"),
    Peer("Gradio streamed", GRADIO_ARGUMENTS, "--port", "watch_gradio.py", "stream"),
    Peer("Streamlit", STREAMLIT_ARGUMENTS, "--server.port", "watch_streamlit.py", "timer"),
)


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    if not size.installs_peers and not environment.get_python().exists():
        print("peers: not installed yet; BENCH_SIZE=full installs them", flush=True)
        return
    try:
        python = environment.install()
    except NotInstalled as error:
        print(f"peers: cannot be installed here: {error}", flush=True)
        return
    for peer in PEERS:
        yield from _measure_peer(peer, python, instances.folder, size)


def _measure_peer(peer: Peer, python: Path, folder: Path, size: BenchSize) -> Iterator[Figure]:
    port = find_free_port_pair()
    command = [str(python), *peer.server_arguments, peer.port_option, str(port)]
    log = folder / f"{peer.name}.log"
    with run_process(command, {**os.environ, **QUIET}, log) as server:
        wait_until_listening(port, server)
        cpu_seconds, update_count = _watch(peer, python, port, server, folder, size)
        server.ensure_running()
    minutes = max(1, update_count) * STEP_SECONDS / 60  # of watching that was really served
    yield Figure(
        f"server CPU of a watcher-minute, {size.watcher_count} watchers, {peer.name}",
        cpu_seconds / minutes,
        "s",
    )
    due_count = size.watcher_count * size.watch_seconds / STEP_SECONDS
    yield Figure("  updates seen of those due", update_count / due_count, "×")


def _watch(
    peer: Peer, python: Path, port: int, server: BenchProcess, folder: Path, size: BenchSize
) -> tuple[float, int]:
    """CPU seconds of the server, and the updates, while it counted."""
    command = [str(python), str(FOLDER / peer.watcher), "--url", f"http://127.0.0.1:{port}"]
    command += ["--count", str(size.watcher_count), "--seconds", str(size.watch_seconds)]
    command += ["--settling", str(SETTLING_SECONDS), "--way", peer.way]
    log = folder / f"{peer.name} watchers.log"
    with (
        log.open("wb") as error_output,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=error_output) as watchers,
    ):
        assert watchers.stdout
        # A line comes at the beginning and at the end of the time that counts.
        moments = [(server.cpu_seconds(), json.loads(line)["updates"]) for line in watchers.stdout]
    if watchers.returncode or len(moments) != 2:
        last_words = log.read_text(errors="replace")[-500:]
        raise RuntimeError(f"watching {peer.name} failed: {last_words}")
    (cpu_before, _), (cpu_after, update_count) = moments
    return cpu_after - cpu_before, update_count
