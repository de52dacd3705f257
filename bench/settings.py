"""The studio's settings, with one bare view more and static files of the bench's own."""

import os
from pathlib import Path

from evolink_studio.settings import *  # noqa: F403  # it is these settings that are measured

ROOT_URLCONF = "bench.urls"
STATIC_ROOT = Path(os.environ["BENCH_STATIC"])
