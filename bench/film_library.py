"""A library with files of its newest films. Django uses the wanted instance."""

import os
import subprocess
import sys
from pathlib import Path

from django.utils import timezone

from bench.generation_rows import create_completed
from bench.instances import BenchInstance
from bench.signed_in_users import SignedInUser, create_signed_in_users
from evolink_studio.library.media.video import probe_video
from evolink_studio.library.models import POSTER_FIELD_BY_SIZE, Asset
from evolink_studio.sandbox.video.storyboard import Storyboard

RENDER_COMMAND = [sys.executable, "-m", "evolink_studio.sandbox.video.render"]
FILMS_WITH_FILES = 600  # more than a page of films ever shows


def create_film_library(instance: BenchInstance, count: int) -> SignedInUser:
    """Somebody with so many films; the files of the newest ones are all the same film."""
    (user,) = create_signed_in_users(1)
    create_completed(user.user, count, now=timezone.now())
    folder = instance.folder / "media"
    folder.mkdir()
    video = folder / "film.mp4"
    storyboard = Storyboard(str(video), 864, 480, 24, 5, "A film for the bench", "", has_sound=True)
    subprocess.run(RENDER_COMMAND, input=storyboard.to_json(), check=True)
    posters = probe_video(video).posters
    assets = list(Asset.objects.order_by("-created_at")[:FILMS_WITH_FILES])
    for asset in assets:
        name = str(asset.file)
        os.link(video, folder / name)
        for size, content in posters.items():
            poster_name = f"{Path(name).stem}-{size}.webp"
            (folder / poster_name).write_bytes(content)
            setattr(asset, POSTER_FIELD_BY_SIZE[size], poster_name)
    Asset.objects.bulk_update(assets, POSTER_FIELD_BY_SIZE.values(), batch_size=100)
    return user
