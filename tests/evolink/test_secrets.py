"""The key acts for the whole account: it stands in no repr, no message and no kept body."""

import asyncio
import traceback
from pathlib import Path

import pytest

from evolink_studio.evolink.client import EvoLinkClient
from evolink_studio.evolink.download import download_file
from evolink_studio.evolink.errors import AuthenticationError, EvoLinkError
from tests.answers import answer, cut, error, hang_up
from tests.evolink.conftest import KEY, asking, creating
from tests.farend import FarEnd


def everything(caught: EvoLinkError) -> str:
    trace = "".join(traceback.format_exception(caught))
    return f"{caught!r} {caught} {vars(caught)} {caught.__cause__!r} {trace}"


def test_no_picture_of_the_client_shows_the_key() -> None:
    evolink = EvoLinkClient(
        api_url="http://a", files_url="http://b", api_key=KEY, user_agent="Studio"
    )

    assert KEY not in f"{evolink!r} {evolink} {vars(evolink)}"


ECHOES = {
    "message": error(401, "unauthorized", f"Key {KEY} is not known"),
    "code": error(400, KEY),
    "text": answer(f"denied: {KEY} {KEY}".encode(), 403),
    "good answer": answer({"status": KEY}),
    "server error": answer(KEY.encode(), 500),
    "closed": hang_up(),
}


@pytest.mark.parametrize("reply", ECHOES.values(), ids=ECHOES.keys())
def test_an_answer_that_repeats_the_key_is_kept_without_it(far: FarEnd, reply) -> None:
    far.create.answers(reply)

    with pytest.raises(EvoLinkError) as caught:
        creating(far.url)
    assert KEY not in everything(caught.value)


def test_a_reply_cut_in_the_middle_of_the_key_keeps_no_part_of_it(far: FarEnd) -> None:
    whole = error(401, "unauthorized", f"Key {KEY}")
    begin = whole.wire.index(KEY.encode())
    leaks = []

    for length in range(8, len(KEY)):
        far.create.answers(cut(whole, begin + length))
        with pytest.raises(EvoLinkError) as caught:
            creating(far.url)
        if KEY[:8] in everything(caught.value):
            leaks.append(length)

    assert leaks == []


def test_a_failed_task_that_repeats_the_key_is_read_without_it(far: FarEnd) -> None:
    task_id = "task-1"
    far.tasks[task_id] = {"id": task_id}
    far.fail(task_id, "unauthorized", f"upstream refused {KEY}")

    found = asking(lambda evolink: evolink.get_task(task_id), far.url)

    assert found.error.message == "upstream refused [key]"


def test_a_short_made_up_key_may_stand_in_an_answer(far: FarEnd) -> None:
    assert creating(far.url, api_key="task").id.startswith("task-unified-")


@pytest.mark.parametrize("key", ["", "   ", "two words", "line\nbreak", "schlüssel", "a\x00b"])
def test_a_key_that_cannot_be_one_is_refused_without_asking(far: FarEnd, key: str) -> None:
    with pytest.raises(AuthenticationError) as caught:
        creating(far.url, api_key=key)

    assert far.connections == 0
    assert not key.strip() or key not in str(caught.value)


def test_a_key_pasted_with_blanks_around_it_works(far: FarEnd) -> None:
    creating(far.url, api_key=f"  {KEY}\n")

    assert far.create.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_media_host_never_sees_the_key(far: FarEnd, tmp_path: Path) -> None:
    link = far.serve("/film.mp4", b"film")

    asyncio.run(
        download_file(link, tmp_path / "f", trusted_urls=[far.url], max_bytes=100, deadline=5)
    )

    (request,) = far.media.requests
    assert "authorization" not in request.headers
    assert "cookie" not in request.headers
    assert request.headers["user-agent"] == "EvoLinkStudio"


def test_a_user_agent_that_breaks_the_headers_is_a_mistake_found_at_once() -> None:
    with pytest.raises(ValueError, match="one line"):
        EvoLinkClient(api_url="http://a", files_url="http://b", api_key=KEY, user_agent="a\r\nX: y")
