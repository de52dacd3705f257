"""A download that drips is given up; one that is merely slow is waited for."""

from importlib import import_module
from pathlib import Path

import pytest

from evolink_studio.evolink.errors import ServiceUnavailableError
from tests.evolink.test_download import FILE_CONTENT, fetch_file
from tests.fake_provider import FakeProvider
from tests.provider_replies import drip_reply, make_media_script, make_reply

download_module = import_module(
    "evolink_studio.evolink.download"
)  # beside the function of that name


def test_what_drips_gives_its_place_away_and_goes_on_later(
    fake_provider: FakeProvider, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_module, "PACE_WINDOW_SECONDS", 0.2)
    serve = make_media_script(FILE_CONTENT)
    fake_provider.files["/film.mp4"] = serve
    fake_provider.media.reply_next(lambda request: drip_reply(serve(request), 0.002))

    with pytest.raises(ServiceUnavailableError, match="bytes came in"):
        fetch_file(fake_provider, destination, resume=True)

    partial_size = destination.stat().st_size
    assert 0 < partial_size < len(FILE_CONTENT)
    assert fetch_file(fake_provider, destination, resume=True).size_bytes == len(FILE_CONTENT)
    assert fake_provider.media.requests[1].headers["range"] == f"bytes={partial_size}-"


def test_what_comes_slowly_but_comes_is_waited_for(
    fake_provider: FakeProvider, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_module, "PACE_WINDOW_SECONDS", 0.1)
    monkeypatch.setattr(download_module, "MIN_BYTES_PER_WINDOW", 4)
    fake_provider.media.reply_next(drip_reply(make_reply(FILE_CONTENT[:150]), 0.003))

    assert fetch_file(fake_provider, destination).size_bytes == 150
