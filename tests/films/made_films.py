"""Films as the worker leaves them: a completed generation and its results."""

from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset
from tests.factories import AssetFactory, GenerationFactory
from tests.sample_videos import make_video


def make_film(owner, **columns) -> Generation:
    """A completed generation with one result that only looks like a film."""
    film = GenerationFactory(owner=owner, state=State.COMPLETED, **columns)
    add_result(film, 0)
    return film


def make_playing_film(
    owner, folder, *, seconds=2, width=64, height=48, fps=12, **columns
) -> Generation:
    """A completed generation with a film that plays."""
    film = GenerationFactory(owner=owner, state=State.COMPLETED, **columns)
    path = make_video(
        folder / f"{film.pk}.mp4", seconds=seconds, width=width, height=height, fps=fps
    )
    add_result(film, 0, content=path.read_bytes(), seconds=seconds, width=width, height=height)
    return film


def add_result(film: Generation, position: int, **columns) -> Asset:
    facts = {"kind": "video", "format": "mp4", "mime": "video/mp4", "origin": "result"}
    asset = AssetFactory(owner=film.owner, **{**facts, **columns})
    GeneratedVideo.objects.create(generation=film, asset=asset, position=position)
    return asset


def get_video(film: Generation) -> Asset:
    """Its first result."""
    return film.results.get(position=0).asset
