"""The requests worked out by hand from the documentation, sent over the wire."""

import json
from pathlib import Path

import pytest

CASES = json.loads((Path(__file__).parents[1] / "contract-cases.json").read_text("utf-8"))["cases"]
ACCEPTED = [case for case in CASES if case["accept"]]
REFUSED = [case for case in CASES if not case["accept"]]
# The studio's own names, and where their values stand on the wire.
WIRE_FIELDS = {"shots": "model_params.multi_prompt"}


def name_of(case):
    return f"{case['model']}: {case['name']}"


def uploaded(counter, case):
    return {
        param: [counter.picture(image["w"], image["h"], image["format"]) for image in images]
        for param, images in case["images"].items()
    }


def body_of(case, pictures):
    """The entered fields as EvoLink takes them."""
    fields = dict(case["fields"])
    extensions = {}
    if fields.pop("multi_shot", False):
        extensions |= {"multi_shot": True, "shot_type": "customize"}
        extensions["multi_prompt"] = [
            {"index": index, "prompt": shot["prompt"], "duration": str(shot["duration"])}
            for index, shot in enumerate(fields.pop("shots"), 1)
        ]
    if "element_ids" in fields:
        ids = fields.pop("element_ids")
        extensions["element_list"] = [{"element_id": element} for element in ids]
    body = {"model": case["model"], **fields}
    for param, urls in pictures.items():
        body[param] = urls if param == "image_urls" else urls[0]
    return body | ({"model_params": extensions} if extensions else {})


def with_urls(value, pictures):
    if isinstance(value, list):
        return [with_urls(item, pictures) for item in value]
    for param, urls in pictures.items():
        for place, url in enumerate(urls, 1):
            if value == f"<{param} {place}>":
                return url
    return value


def test_all_the_cases_are_read():
    assert len(CASES) == 48


@pytest.mark.parametrize("case", ACCEPTED, ids=name_of)
def test_what_the_documentation_allows_is_accepted(counter, case):
    answer = counter.post(body_of(case, uploaded(counter, case)))
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "pending"


@pytest.mark.parametrize("case", ACCEPTED, ids=name_of)
def test_the_payload_a_case_names_is_accepted_with_its_defaults(counter, case):
    pictures = uploaded(counter, case)
    payload = {key: with_urls(value, pictures) for key, value in case["payload"].items()}
    answer = counter.post(body_of(case, pictures) | payload)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("case", REFUSED, ids=name_of)
def test_what_the_documentation_forbids_is_refused_at_its_field(counter, case):
    body = body_of(case, uploaded(counter, case))
    before = counter.remaining()
    answer = counter.post(body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == WIRE_FIELDS.get(case["field"], case["field"])
    assert answer.json()["error"]["code"] in ("invalid_parameter", "missing_required_params")
    assert counter.remaining() == before
