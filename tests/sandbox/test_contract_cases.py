"""The requests worked out by hand from the documentation, sent over the wire."""

import json
from pathlib import Path

import pytest

CASES = json.loads((Path(__file__).parents[1] / "contract-cases.json").read_text("utf-8"))["cases"]
ACCEPTED = [case for case in CASES if case["accept"]]
REJECTED = [case for case in CASES if not case["accept"]]
# The studio's own names, and where their values stand on the wire.
WIRE_FIELDS = {"shots": "model_params.multi_prompt"}


def case_name(case):
    return f"{case['model']}: {case['name']}"


def upload_case_images(client, case):
    return {
        param: [client.upload_image(image["w"], image["h"], image["format"]) for image in images]
        for param, images in case["images"].items()
    }


def build_body(case, pictures):
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


def replace_names(value, pictures):
    if isinstance(value, list):
        return [replace_names(item, pictures) for item in value]
    for param, urls in pictures.items():
        for place, url in enumerate(urls, 1):
            if value == f"<{param} {place}>":
                return url
    return value


@pytest.mark.parametrize("case", ACCEPTED, ids=case_name)
def test_what_the_documentation_allows_is_accepted(slow_sandbox_client, case):
    answer = slow_sandbox_client.post_generation(
        build_body(case, upload_case_images(slow_sandbox_client, case))
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "pending"


@pytest.mark.parametrize("case", ACCEPTED, ids=case_name)
def test_the_payload_a_case_names_is_accepted_with_its_defaults(slow_sandbox_client, case):
    pictures = upload_case_images(slow_sandbox_client, case)
    payload = {key: replace_names(value, pictures) for key, value in case["payload"].items()}
    answer = slow_sandbox_client.post_generation(build_body(case, pictures) | payload)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("case", REJECTED, ids=case_name)
def test_what_the_documentation_forbids_is_refused_at_its_field(slow_sandbox_client, case):
    body = build_body(case, upload_case_images(slow_sandbox_client, case))
    before = slow_sandbox_client.get_remaining_credits()
    answer = slow_sandbox_client.post_generation(body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == WIRE_FIELDS.get(case["field"], case["field"])
    assert answer.json()["error"]["code"] in ("invalid_parameter", "missing_required_params")
    assert slow_sandbox_client.get_remaining_credits() == before
