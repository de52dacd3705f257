"""A download that drips holds nobody up; one that is merely slow is waited for."""

from importlib import import_module
from pathlib import Path

import pytest

from evolink_studio.evolink.errors import ServiceUnavailableError
from tests.answers import answer, drip, film
from tests.evolink.test_download import FILM, fetch, to
from tests.farend import FarEnd

DOWNLOAD = import_module("evolink_studio.evolink.download")  # beside the function of that name
__all__ = ["to"]  # a fixture


def test_what_drips_gives_its_place_away_and_goes_on_later(
    far: FarEnd, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DOWNLOAD, "PACE_WINDOW_SECONDS", 0.2)
    serve = film(FILM)
    far.files["/film.mp4"] = serve
    far.media.answers(lambda request: drip(serve(request), 0.002))

    with pytest.raises(ServiceUnavailableError, match="bytes came in"):
        fetch(far, to, resume=True)

    begun = to.stat().st_size
    assert 0 < begun < len(FILM)
    assert fetch(far, to, resume=True).size_bytes == len(FILM)
    assert far.media.requests[1].headers["range"] == f"bytes={begun}-"


def test_what_comes_slowly_but_comes_is_waited_for(
    far: FarEnd, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DOWNLOAD, "PACE_WINDOW_SECONDS", 0.1)
    monkeypatch.setattr(DOWNLOAD, "MIN_BYTES_PER_WINDOW", 4)
    far.media.answers(drip(answer(FILM[:150]), 0.003))

    assert fetch(far, to).size_bytes == 150
