"""Whatever EvoLink answers, the client gives a sound value or one of its own errors."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolink_studio.evolink import responses
from evolink_studio.evolink.errors import EvoLinkError, OutcomeUnknown, ServiceUnavailableError
from evolink_studio.evolink.transport import RawResponse
from evolink_studio.evolink.types import Task, is_task_id

TASK_ID = "task-unified-1757169743-abcdefgh"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

odd_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "-5", "250", "1e400", "NaN", "\x00", "\ud800", "https://x/y", TASK_ID]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def objects_with_fields(*names: str) -> st.SearchStrategy[dict[str, object]]:
    """Objects that have some of these fields, with anything in them, and fields of their own."""
    known_fields = st.fixed_dictionaries({}, optional=dict.fromkeys(names, odd_values))
    return st.builds(
        lambda extra, values: extra | values, st.dictionaries(st.text(), odd_values), known_fields
    )


errors = objects_with_fields("code", "message", "type", "param") | odd_values
tasks = st.builds(
    lambda base, parts: base | parts,
    objects_with_fields(
        "created", "model", "object", "progress", "status", "type", "duration", "result_data"
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.just(TASK_ID) | odd_values,
            "results": st.lists(odd_values) | odd_values,
            "error": errors,
            "task_info": objects_with_fields("can_cancel", "estimated_time", "video_duration")
            | odd_values,
            "usage": objects_with_fields("billing_rule", "credits_reserved", "credits_used")
            | odd_values,
            "billing": objects_with_fields("charge_status", "charged_credits", "refunded_credits")
            | odd_values,
        },
    ),
)
figures = objects_with_fields("remaining_credits", "unlimited_credits", "used_credits") | odd_values
balances = st.fixed_dictionaries(
    {"data": st.fixed_dictionaries({"token": figures, "user": figures}) | odd_values},
    optional={"success": odd_values, "error": errors},
)
files = st.fixed_dictionaries(
    {
        "data": objects_with_fields("file_url", "expires_at", "upload_time", "file_size")
        | odd_values
    },
    optional={"success": odd_values, "code": odd_values, "msg": odd_values, "error": errors},
)
statuses = st.sampled_from([200, 200, 200, 201, 302, 400, 402, 403, 404, 418, 429, 500, 999])
whole_bodies = st.builds(
    lambda document: json.dumps(document).encode(), tasks | balances | files | odd_values
)
broken_bodies = st.binary(max_size=80) | st.builds(
    lambda body, n: body[:n], whole_bodies, st.integers(0, 80)
)
answers = st.builds(
    lambda status, body: RawResponse(status, body, received_at=NOW),
    statuses,
    whole_bodies | broken_bodies,
)

PARSERS = {
    "create": lambda reply: responses.parse_created_task(reply, fallback_error=OutcomeUnknown),
    "read": lambda reply: responses.parse_task(reply, expected_id=TASK_ID),
    "balance": responses.parse_balance,
    "upload": responses.parse_remote_file,
    "tasks": responses.parse_task_list,
}


@pytest.mark.parametrize("read", PARSERS.values(), ids=PARSERS.keys())
@given(reply=answers)
@settings(max_examples=200, deadline=None)
def test_any_answer_gives_a_value_or_an_error_of_ours(read, reply: RawResponse) -> None:
    value, error = None, None
    try:
        value = read(reply)
    except EvoLinkError as raised:
        error = raised

    if error is not None:
        error_texts = f"{error.message}{error.code}{error.field}{error.body}"
        assert b"\x00" not in error_texts.encode()
        assert error.status == reply.status
    else:
        assert value is None or 200 <= reply.status < 300


@given(document=tasks)
@settings(max_examples=200, deadline=None)
def test_a_task_with_a_valid_id_is_always_readable_and_sane(document: dict[str, object]) -> None:
    body = json.dumps(document | {"id": TASK_ID}).encode()

    task = responses.parse_created_task(RawResponse(200, body), fallback_error=OutcomeUnknown)

    assert task.id == TASK_ID
    assert task.progress is None or 0 <= task.progress <= 100
    assert all(link.lower().startswith(("http://", "https://")) for link in task.results)
    credits = task.usage.credits_reserved
    assert credits is None or abs(credits) <= 10**12
    assert task.created is None or task.created.tzinfo is UTC
    assert "\x00" not in task.model_dump_json()


@given(name=st.text())
@settings(deadline=None)
def test_an_id_is_plain_or_no_id(name: str) -> None:
    plain = name.isascii() and name.replace("-", "a").replace("_", "a").isalnum()
    assert is_task_id(name) == (plain and 0 < len(name) <= 128)


def parse_task_with(**fields: object) -> Task:
    body = json.dumps({"id": TASK_ID, "status": "processing"} | fields).encode()
    return responses.parse_task(RawResponse(200, body), expected_id=TASK_ID)


PROGRESS_CASES = [
    (-5, 0),
    (0, 0),
    (62, 62),
    (250, 100),
    (33.7, 33),
    ("45", 45),
    (None, None),
    ("45%", None),
    ("", None),
    (True, None),
    ([], None),
    (1e308, None),
]


@pytest.mark.parametrize(("given_value", "percent"), PROGRESS_CASES)
def test_progress_is_a_percentage_or_unknown(given_value: object, percent: int | None) -> None:
    assert parse_task_with(progress=given_value).progress == percent


def test_an_absurd_exponent_costs_nothing() -> None:
    body = b'{"id": "%s", "progress": 1e999999999, "usage": {"credits_reserved": 1e-999999999}}'

    task = responses.parse_task(RawResponse(200, body % TASK_ID.encode()), expected_id=TASK_ID)

    assert task.progress is None
    assert task.usage.credits_reserved < Decimal("0.0001")


@pytest.mark.parametrize("status", ["completed", "cancelled", "paused_by_upstream", ""])
def test_a_status_is_kept_as_it_came(status: str) -> None:
    assert parse_task_with(status=status).status == status


RESULTS_CASES = [
    (["https://a/b.mp4"], ("https://a/b.mp4",)),
    ("https://a/b.mp4", ("https://a/b.mp4",)),
    ([], ()),
    (None, ()),
    ({"url": "javascript:alert(1)"}, ()),
    (["javascript:alert(1)", "ftp://a/b", "//a/b", "data:text/html,x", 5, None], ()),
    (["https://a/b c", "https://a/\x00", "https://a/<b>", 'https://a/"', "https://"], ()),
    (["https://a/" + "x" * 5000], ()),
]


@pytest.mark.parametrize(("given_value", "links"), RESULTS_CASES)
def test_only_web_links_count_as_results(given_value: object, links: tuple[str, ...]) -> None:
    assert parse_task_with(results=given_value).results == links


ERROR_CASES = [
    ({"code": 500, "message": "m", "type": "task_error"}, ("500", "m")),
    ({"code": "generation_timeout", "message": "m"}, ("generation_timeout", "m")),
    ({"code": None, "message": None}, ("", "")),
    ({"code": True, "message": ["m"]}, ("", "")),
    ("It broke", ("", "It broke")),
]


@pytest.mark.parametrize(("given_value", "error_text"), ERROR_CASES)
def test_an_error_has_a_code_and_a_message_as_text(given_value, error_text) -> None:
    error = parse_task_with(error=given_value).error

    assert (error.code, error.message) == error_text


@pytest.mark.parametrize("given_value", [None, {}, [], "", 0, False])
def test_no_error_is_none(given_value: object) -> None:
    assert parse_task_with(error=given_value).error is None


@pytest.mark.parametrize("result_data", [[], {}, [{"url": "x"}], {"url": "x"}, None, 5])
def test_undocumented_result_data_is_left_alone_in_any_shape(result_data: object) -> None:
    assert parse_task_with(result_data=result_data, anything={"new": True}).status == "processing"


def test_text_that_no_database_would_take_is_mended() -> None:
    error = parse_task_with(error={"code": "x\x00y", "message": "a\ud800b\nforged line"}).error

    assert (error.code, error.message) == ("x y", "a b forged line")


def test_a_404_of_the_list_is_none_but_of_a_task_is_an_error() -> None:
    reply = RawResponse(404, b"")

    assert responses.parse_task_list(reply) is None
    with pytest.raises(EvoLinkError):
        responses.parse_task(reply, expected_id=TASK_ID)


def test_an_answer_about_another_task_is_not_taken_for_ours() -> None:
    with pytest.raises(ServiceUnavailableError):
        responses.parse_task(
            RawResponse(200, b'{"id": "task-other", "status": "completed"}'), expected_id=TASK_ID
        )
