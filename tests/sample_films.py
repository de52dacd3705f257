"""Finished films for tests: a completed generation with a file that plays."""

from pathlib import Path
from tempfile import TemporaryDirectory

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from evolink_studio.accounts.models import User
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.library.media.images import normalize_image
from evolink_studio.library.media.video import probe_video
from evolink_studio.library.models import Asset
from tests.factories import AssetFactory, GenerationFactory
from tests.sample_images import make_image
from tests.sample_videos import make_video


def make_clip(owner: User, **options) -> Asset:
    """A film in the library, as the studio would have kept it; `options` are of `make_video`."""
    with TemporaryDirectory() as folder:
        path = make_video(Path(folder) / "clip.mp4", **options)
        info = probe_video(path)
        content = path.read_bytes()
    clip: Asset = AssetFactory(
        owner=owner,
        kind=Asset.Kind.VIDEO,
        origin=Asset.Origin.RESULT,
        format="mp4",
        mime="video/mp4",
        content=content,
        width=info.width,
        height=info.height,
        seconds=info.seconds,
    )
    for field, size in (("poster_small", "small"), ("poster", "medium"), ("poster_large", "large")):
        poster = normalize_image(make_image()).posters[size]
        setattr(clip, field, default_storage.save("assets/test/poster.webp", ContentFile(poster)))
    clip.save()
    return clip


def make_film(owner: User, *, clip: Asset | None = None, **fields) -> Generation:
    """A completed generation of `owner` with its film; `fields` are of the generation."""
    generation: Generation = GenerationFactory(owner=owner, state="completed", **fields)
    GeneratedVideo.objects.create(generation=generation, asset=clip or make_clip(owner), position=0)
    return generation
