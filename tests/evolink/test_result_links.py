"""The links of a task's results, in every shape that they were seen in."""

import json

import pytest

from evolink_studio.evolink.result_links import find_result_links
from evolink_studio.evolink.types import MAX_REPLY_RESULTS, Task

A, B = "https://media.example/a.mp4?sig=x%2Fy", "https://media.example/b.mp4"
PICTURE = "https://media.example/poster.jpg"

SHAPES = {
    "documented": {"results": [A, B]},
    "blanks around": {"results": [f"  {A}\n", f"\t{B} "]},
    "one twice": {"results": [A, B, A, f" {A} "]},
    "nothing between": {"results": [None, A, "", 5, B, [], {}]},
    "objects": {"results": [{"url": A}, {"url": B}]},
    "objects with a kind": {"results": [{"type": "video", "url": A}, {"type": "video", "url": B}]},
    "objects of other names": {"results": [{"video_url": A}, {"uri": B}]},
    "objects with a poster": {"results": [{"url": A, "thumbnail_url": PICTURE}, {"href": B}]},
    "objects in objects": {
        "results": [{"video": {"url": A, "duration": 8}}, {"video": {"url": B}}]
    },
    "lists in lists": {"results": [[A], [B]]},
    "by number": {"results": {"0": A, "1": B}},
    "by name": {"results": {"landscape": A, "portrait": B, "cover": PICTURE}},
    "by name, objects": {"results": {"first": {"url": A}, "second": {"url": B}}},
    "one object": {"results": {"videos": [{"url": A}, {"url": B}]}},
    "result_data alone": {"result_data": [{"url": A}, {"url": B}]},
    "result_data as object": {"result_data": {"videos": [A, B], "cover_url": PICTURE}},
    "result_data, results empty": {"results": [], "result_data": [A, B]},
    "result_data, results null": {"results": None, "result_data": {"urls": [A, B]}},
    "results win": {"results": [A, B], "result_data": [{"url": PICTURE}]},
    "videos": {"videos": [{"url": A}, {"url": B}]},
    "output": {"output": {"results": [{"video_url": A}, {"video_url": B}]}},
    "output as list": {"output": [A, B]},
    "task_result": {"task_result": {"videos": [{"id": "1", "url": A}, {"id": "2", "url": B}]}},
    "data": {"data": {"output": [{"url": A}, {"url": B}], "input": {"image": PICTURE}}},
    "content": {"content": [{"video_url": {"url": A}}, {"video_url": {"url": B}}]},
    "JSON as text": {"results": json.dumps([{"url": A}, {"url": B}])},
    "JSON as text in a field": {"result_data": json.dumps({"videos": [A, B]})},
    "names in another spelling": {"resultUrls": [{"videoUrl": A}, {"URL": B, "fileUrl": PICTURE}]},
    "as Google's": {
        "response": {"generatedVideos": [{"video": {"uri": A}}, {"video": {"uri": B}}]}
    },
    "a text with several": {"results": f"{A}\n{B}"},
    "blanks that cannot be seen": {"results": [f"\ufeff{A}", f"\u00a0{B}\u200b"]},
    "JSON of one text": {"results": [json.dumps(A), json.dumps(f" {B}")]},
    "several names of one": {
        "results": [{"url": A, "download_url": PICTURE}, {"video_url": B, "url": PICTURE}]
    },
}


@pytest.mark.parametrize("document", SHAPES.values(), ids=SHAPES)
def test_every_shape_gives_the_links_in_their_order(document: dict[str, object]) -> None:
    assert find_result_links(document) == (A, B)


def test_one_link_may_stand_alone() -> None:
    for name in (
        "results",
        "result",
        "result_url",
        "video_url",
        "video",
        "url",
        "file_url",
        "output_url",
    ):
        assert find_result_links({name: A}) == (A,)
    assert find_result_links({"content": {"video_url": A}}) == (A,)
    assert find_result_links({"results": [{"image_url": PICTURE}]}) == (PICTURE,)


NO_RESULTS = {
    "nothing": {},
    "empty": {"results": [], "result_data": {}, "output": None},
    "an element": {"result_data": {"element_id": "123"}},
    "no web link": {"results": ["javascript:alert(1)", "ftp://a/b", "//a/b", "data:x,y"]},
    "blanks inside": {"results": ["https://a/b c", "https://a/\nb"]},
    "only side fields": {"result_data": {"thumbnail_url": PICTURE, "callback_url": A}},
    "what was sent": {"image_urls": [PICTURE], "input": {"image_url": PICTURE}},
    "half JSON": {"results": '[{"url": "https://a/b'},
    "numbers": {"results": 7, "videos": True},
}


@pytest.mark.parametrize("document", NO_RESULTS.values(), ids=NO_RESULTS)
def test_what_is_no_result_gives_no_link(document: dict[str, object]) -> None:
    assert find_result_links(document) == ()


def test_depth_and_number_cost_little() -> None:
    deep: object = A
    for _ in range(500):
        deep = {"url": deep}
    assert find_result_links({"results": deep}) == ()
    many = [f"https://media.example/{n}.mp4" for n in range(5_000)]
    assert find_result_links({"results": [{"url": link} for link in many]}) == tuple(many)


def test_of_very_many_links_the_kept_answer_names_only_the_first() -> None:
    links = [f"https://media.example/{n}.mp4" for n in range(500)]

    task = Task.model_validate({"id": "task-1", "results": links})

    assert list(task.results) == links
    kept_results = task.to_json()["results"]
    assert kept_results[:MAX_REPLY_RESULTS] == links[:MAX_REPLY_RESULTS]
    assert kept_results[MAX_REPLY_RESULTS:] == ["… 480 more"]
