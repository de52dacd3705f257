"""The key acts for the whole account: it stands in no repr, no message and no stored body."""

import asyncio
import traceback
from pathlib import Path

import pytest

from evolink_studio.evolink.client import EvoLinkClient
from evolink_studio.evolink.download import download_file
from evolink_studio.evolink.errors import AuthenticationError, EvoLinkError
from tests.evolink.conftest import API_KEY, create_video, run_client
from tests.fake_provider import FakeProvider
from tests.provider_replies import cut_reply, make_dropped_reply, make_error_reply, make_reply


def describe_error(error: EvoLinkError) -> str:
    trace = "".join(traceback.format_exception(error))
    return f"{error!r} {error} {vars(error)} {error.__cause__!r} {trace}"


def test_no_picture_of_the_client_shows_the_key() -> None:
    evolink = EvoLinkClient(
        api_url="http://a", files_url="http://b", api_key=API_KEY, user_agent="Studio"
    )

    assert API_KEY not in f"{evolink!r} {evolink} {vars(evolink)}"


REPLIES_WITH_KEY = {
    "message": make_error_reply(401, "unauthorized", f"Key {API_KEY} is not known"),
    "code": make_error_reply(400, API_KEY),
    "text": make_reply(f"denied: {API_KEY} {API_KEY}".encode(), 403),
    "good answer": make_reply({"status": API_KEY}),
    "server error": make_reply(API_KEY.encode(), 500),
    "closed": make_dropped_reply(),
}


@pytest.mark.parametrize("reply", REPLIES_WITH_KEY.values(), ids=REPLIES_WITH_KEY.keys())
def test_an_answer_that_repeats_the_key_is_kept_without_it(
    fake_provider: FakeProvider, reply
) -> None:
    fake_provider.create.reply_next(reply)

    with pytest.raises(EvoLinkError) as exc_info:
        create_video(fake_provider.url)
    assert API_KEY not in describe_error(exc_info.value)


def test_a_reply_cut_in_the_middle_of_the_key_keeps_no_part_of_it(
    fake_provider: FakeProvider,
) -> None:
    reply = make_error_reply(401, "unauthorized", f"Key {API_KEY}")
    begin = reply.wire_bytes.index(API_KEY.encode())
    leaks = []

    for length in range(8, len(API_KEY)):
        fake_provider.create.reply_next(cut_reply(reply, begin + length))
        with pytest.raises(EvoLinkError) as exc_info:
            create_video(fake_provider.url)
        if API_KEY[:8] in describe_error(exc_info.value):
            leaks.append(length)

    assert leaks == []


def test_a_failed_task_that_repeats_the_key_is_read_without_it(fake_provider: FakeProvider) -> None:
    task_id = "task-1"
    fake_provider.tasks[task_id] = {"id": task_id}
    fake_provider.fail_task(task_id, "unauthorized", f"upstream refused {API_KEY}")

    task = run_client(lambda evolink: evolink.get_task(task_id), fake_provider.url)

    assert task.error.message == "upstream refused [key]"


def test_a_short_made_up_key_may_stand_in_an_answer(fake_provider: FakeProvider) -> None:
    assert create_video(fake_provider.url, api_key="task").id.startswith("task-unified-")


@pytest.mark.parametrize("key", ["", "   ", "two words", "line\nbreak", "schlüssel", "a\x00b"])
def test_a_key_that_cannot_be_one_is_refused_without_asking(
    fake_provider: FakeProvider, key: str
) -> None:
    with pytest.raises(AuthenticationError) as exc_info:
        create_video(fake_provider.url, api_key=key)

    assert fake_provider.connection_count == 0
    assert not key.strip() or key not in str(exc_info.value)


def test_a_key_pasted_with_blanks_around_it_works(fake_provider: FakeProvider) -> None:
    create_video(fake_provider.url, api_key=f"  {API_KEY}\n")

    assert fake_provider.create.requests[0].headers["authorization"] == f"Bearer {API_KEY}"


def test_a_media_host_never_sees_the_key(fake_provider: FakeProvider, tmp_path: Path) -> None:
    link = fake_provider.serve_file("/film.mp4", b"film")

    asyncio.run(
        download_file(
            link, tmp_path / "f", trusted_urls=[fake_provider.url], max_bytes=100, deadline=5
        )
    )

    (request,) = fake_provider.media.requests
    assert "authorization" not in request.headers
    assert "cookie" not in request.headers
    assert request.headers["user-agent"] == "EvoLinkStudio"


def test_a_user_agent_that_breaks_the_headers_is_a_mistake_found_at_once() -> None:
    with pytest.raises(ValueError, match="one line"):
        EvoLinkClient(
            api_url="http://a", files_url="http://b", api_key=API_KEY, user_agent="a\r\nX: y"
        )
