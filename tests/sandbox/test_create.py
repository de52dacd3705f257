"""`POST /v1/videos/generations`: what is accepted, what is refused, how it is answered."""

import re

import pytest

from tests.sandbox.sandboxes import (
    GENERATIONS_PATH,
    GROK,
    KLING,
    NOW_TIMESTAMP,
    SEEDANCE,
    SORA,
    VEO,
    make_image_bytes,
)

EXTERNAL_URL = "https://pictures.example/cat.png"
CALLBACK_URL = "https://studio.example/callbacks/abc"
SHOT = {"index": 1, "prompt": "a", "duration": "5"}


def multi_shot_params(*rows, **fields):
    return {"multi_shot": True, "shot_type": "customize", "multi_prompt": list(rows), **fields}


ACCEPTED = [
    {"model": VEO, "prompt": "x", "callback_url": CALLBACK_URL},
    {"model": VEO, "prompt": "x", "image_urls": [], "generation_type": "TEXT"},
    {"model": VEO, "prompt": "x", "image_urls": None},
    {"model": VEO, "prompt": "x" * 2000, "quality": "4k"},
    {"model": KLING, "image_start": EXTERNAL_URL, "model_params": multi_shot_params(SHOT)},
    {"model": KLING, "prompt": "x", "model_params": {"element_list": [{"element_id": "e"}]}},
    {
        "model": KLING,
        "prompt": "x",
        "image_start": EXTERNAL_URL,
        "model_params": {"watermark_info": {"enabled": True}},
    },
    {"model": KLING, "prompt": "x", "image_urls": [EXTERNAL_URL] * 7},
    {"model": SORA, "prompt": "x", "image_urls": [EXTERNAL_URL]},
    {"model": SEEDANCE, "prompt": "x", "image_urls": [EXTERNAL_URL], "aspect_ratio": "21:9"},
    {"model": GROK, "prompt": "😀" * 9000},
]

REJECTED = [
    ({"model": VEO}, "prompt", "missing_required_params"),
    ({"model": VEO, "prompt": "  \n"}, "prompt", "missing_required_params"),
    ({"model": VEO, "prompt": 7}, "prompt", "invalid_parameter"),
    ({"model": VEO, "prompt": "x", "duration": 8}, "duration", "invalid_parameter"),
    ({"model": VEO, "prompt": "x", "seed": 1}, "seed", "invalid_parameter"),
    ({"model": VEO, "prompt": "x", "enhance_prompt": "true"}, "enhance_prompt", None),
    ({"model": VEO, "prompt": "x", "quality": "8k"}, "quality", None),
    ({"model": VEO, "prompt": "x", "image_urls": "https://a.example/b.png"}, "image_urls", None),
    ({"model": VEO, "prompt": "x", "image_urls": ["file:///etc/passwd"]}, "image_urls", None),
    (
        {"model": VEO, "prompt": "x", "image_urls": [EXTERNAL_URL], "generation_type": "TEXT"},
        "generation_type",
        None,
    ),
    ({"model": KLING, "prompt": "x", "image_start": [EXTERNAL_URL]}, "image_start", None),
    ({"model": KLING, "prompt": "x", "image_urls": [EXTERNAL_URL] * 8}, "image_urls", None),
    (
        {"model": KLING, "prompt": "x", "image_start": EXTERNAL_URL, "duration": "5"},
        "duration",
        None,
    ),
    (
        {"model": KLING, "prompt": "x", "image_start": EXTERNAL_URL, "duration": 5.0},
        "duration",
        None,
    ),
    (
        {"model": KLING, "prompt": "x", "image_start": EXTERNAL_URL, "duration": True},
        "duration",
        None,
    ),
    ({"model": KLING, "prompt": "x", "image_start": EXTERNAL_URL, "sound": True}, "sound", None),
    (
        {"model": KLING, "prompt": "x", "image_start": EXTERNAL_URL, "quality": "4k"},
        "quality",
        None,
    ),
    (
        {"model": KLING, "prompt": "x", "image_start": EXTERNAL_URL, "multi_shot": True},
        "multi_shot",
        None,
    ),
    (
        {"model": KLING, "image_start": EXTERNAL_URL, "model_params": {"multi_shot": True}},
        "model_params.shot_type",
        "missing_required_params",
    ),
    (
        {
            "model": KLING,
            "image_start": EXTERNAL_URL,
            "model_params": {"multi_shot": True, "shot_type": "customize"},
        },
        "model_params.multi_prompt",
        "missing_required_params",
    ),
    (
        {
            "model": KLING,
            "image_start": EXTERNAL_URL,
            "model_params": multi_shot_params(SHOT | {"duration": 5}),
        },
        "model_params.multi_prompt",
        "invalid_parameter",
    ),
    (
        {
            "model": KLING,
            "image_start": EXTERNAL_URL,
            "model_params": multi_shot_params(SHOT | {"index": 2}),
        },
        "model_params.multi_prompt",
        "invalid_parameter",
    ),
    (
        {
            "model": KLING,
            "image_start": EXTERNAL_URL,
            "model_params": multi_shot_params(SHOT | {"prompt": "x" * 513}),
        },
        "model_params.multi_prompt",
        "invalid_parameter",
    ),
    (
        {
            "model": KLING,
            "prompt": "x",
            "image_start": EXTERNAL_URL,
            "model_params": {"mode": "pro"},
        },
        "model_params.mode",
        None,
    ),
    (
        {
            "model": KLING,
            "prompt": "x",
            "image_start": EXTERNAL_URL,
            "model_params": {"element_list": [{"element_id": str(n)} for n in range(4)]},
        },
        "model_params.element_list",
        None,
    ),
    ({"model": SORA, "prompt": "x", "quality": "720p"}, "quality", None),
    ({"model": SORA, "prompt": "x", "aspect_ratio": "1:1"}, "aspect_ratio", None),
    ({"model": GROK, "prompt": "x", "mode": "wild"}, "mode", None),
    ({"model": GROK, "prompt": "x", "image_urls": [EXTERNAL_URL]}, "image_urls", None),
    ({"model": SEEDANCE, "prompt": "x", "aspect_ratio": "5:4"}, "aspect_ratio", None),
    ({"model": SEEDANCE, "prompt": "x", "quality": "4k"}, "quality", None),
    ({"prompt": "x"}, "model", "missing_required_params"),
]


@pytest.mark.parametrize("body", ACCEPTED, ids=str)
def test_an_allowed_request_is_accepted(sandbox, body):
    assert sandbox.post_generation(body).status_code == 200


@pytest.mark.parametrize(("body", "param", "code"), REJECTED, ids=str)
def test_a_forbidden_request_is_refused_and_costs_nothing(sandbox, body, param, code):
    answer = sandbox.post_generation(body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"] == param
    assert error["code"] == (code or "invalid_parameter")
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    assert sandbox.get_remaining_credits() == 1000


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_request"),
        (b"[]", 400, "invalid_request"),
        (b'{"model": NaN}', 400, "invalid_request"),
        (b'{"model": "\xff"}', 400, "invalid_request"),
        (b'{"model": "veo3.1-pro", "prompt": "\\ud800"}', 400, "invalid_request"),
        (b"[" * 100_000, 400, "invalid_request"),
        (b'{"model": "veo4"}', 403, "model_access_denied"),
        (b" " * 1_000_001, 413, "request_too_large_error"),
    ],
    ids=range(8),
)
def test_a_body_that_is_no_request_is_refused(sandbox, body, status, code):
    answer = sandbox.http.post(GENERATIONS_PATH, content=body)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code


@pytest.mark.parametrize("key", ["", "Bearer", "Bearer  ", "Basic abc", "Bearer sk-evo-revoked"])
def test_without_a_valid_key_nothing_is_created(sandbox, key):
    body = {"model": VEO, "prompt": "x"}
    answer = sandbox.http.post(GENERATIONS_PATH, json=body, headers={"Authorization": key})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"
    assert answer.json()["error"]["type"] == "authentication_error"
    assert sandbox.http.get("/v1/tasks").json()["total"] == 0


@pytest.mark.parametrize(
    ("body", "model", "length", "rule", "credits"),
    [
        ({"model": VEO, "prompt": "x"}, "veo3.1-pro-beta", 8, "per_call", 162),
        ({"model": SORA, "prompt": "x", "duration": 8}, SORA, 8, "per_second", 46.08),
        ({"model": SEEDANCE, "prompt": "x"}, SEEDANCE, 5, "per_second", 9.9),
        (
            {"model": SEEDANCE, "prompt": "x", "quality": "480p", "duration": 2},
            SEEDANCE,
            2,
            "per_second",
            0.9,
        ),
        (
            {
                "model": KLING,
                "prompt": "x",
                "image_start": EXTERNAL_URL,
                "sound": "on",
                "quality": "1080p",
            },
            KLING,
            5,
            "per_second",
            45.009,
        ),
        ({"model": KLING, "prompt": "x", "image_start": EXTERNAL_URL}, KLING, 5, "per_second", 27),
    ],
    ids=str,
)
def test_the_answer_has_the_documented_shape(sandbox, body, model, length, rule, credits):
    answer = sandbox.post_generation(body).json()
    assert re.fullmatch(r"task-unified-\d{10}-[a-z0-9]{8}", answer["id"])
    assert answer["created"] == NOW_TIMESTAMP
    assert answer["model"] == model
    assert answer["object"] == "video.generation.task"
    assert answer["type"] == "video"
    assert (answer["progress"], answer["status"]) == (0, "pending")
    assert answer["task_info"]["can_cancel"] is True
    assert answer["task_info"]["video_duration"] == length
    assert 5 <= answer["task_info"]["estimated_time"] <= 20
    assert answer["usage"] == {
        "billing_rule": rule,
        "credits_reserved": credits,
        "user_group": "default",
    }


def test_grok_does_not_tell_the_length_of_its_film(sandbox):
    answer = sandbox.post_generation({"model": GROK, "prompt": "x"}).json()
    assert "video_duration" not in answer["task_info"]
    assert answer["usage"]["credits_reserved"] == 8.16


def test_the_same_key_and_body_give_the_same_task_and_cost_once(sandbox):
    body = {"model": GROK, "prompt": "x"}
    key = {"Idempotency-Key": "generation-0000000001"}
    first, second = sandbox.post_generation(body, **key), sandbox.post_generation(body, **key)
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert first.json() == second.json()
    assert sandbox.http.get("/v1/tasks").json()["total"] == 1
    assert float(sandbox.get_remaining_credits()) == pytest.approx(1000 - 8.16)


def test_the_same_key_with_another_body_is_refused(sandbox):
    key = {"Idempotency-Key": "generation-0000000001"}
    sandbox.post_generation({"model": GROK, "prompt": "x"}, **key)
    answer = sandbox.post_generation({"model": GROK, "prompt": "y"}, **key)
    assert answer.status_code == 409
    assert sandbox.http.get("/v1/tasks").json()["total"] == 1


def test_a_malformed_idempotency_key_is_refused(sandbox):
    answer = sandbox.post_generation({"model": GROK, "prompt": "x"}, **{"Idempotency-Key": "short"})
    assert answer.status_code == 400


def test_a_picture_that_was_deleted_or_expired_is_refused(sandbox):
    url = sandbox.upload_image()
    body = {"model": VEO, "prompt": "x", "image_urls": [url]}
    assert sandbox.post_generation(body).status_code == 200
    sandbox.advance(72 * 3600 + 1)
    answer = sandbox.post_generation(body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "image_urls"


def test_a_picture_over_ten_megabytes_is_refused(sandbox):
    url = sandbox.upload_file(make_image_bytes() + b"\0" * (10 * 1024 * 1024))
    answer = sandbox.post_generation({"model": VEO, "prompt": "x", "image_urls": [url]})
    assert answer.status_code == 400
    assert "10MB" in answer.json()["error"]["message"]
