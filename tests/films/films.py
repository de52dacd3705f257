"""Films with files, for tests of what is done with them."""

from evolink_studio.generations.models import GeneratedVideo, Generation
from tests.factories import AssetFactory, GenerationFactory


def make_film(owner, *, content: bytes = b"a film's bytes", position: int = 0, **fields):
    """A completed generation with its file."""
    film = GenerationFactory(owner=owner, state="completed", **fields)
    add_file(film, content=content, position=position)
    return film


def add_file(film: Generation, *, content: bytes = b"more bytes", position: int = 0):
    """One more file of a film."""
    asset = AssetFactory(
        owner=film.owner,
        kind="video",
        origin="result",
        format="mp4",
        mime="video/mp4",
        content=content,
    )
    return GeneratedVideo.objects.create(generation=film, asset=asset, position=position)


def reload(film: Generation) -> Generation:
    """The film as it stands in the database now."""
    return Generation.objects.get(pk=film.pk)
