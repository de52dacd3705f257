"""The history of prompts: what one wrote, with the film it made."""

from datetime import timedelta

import pytest

from evolink_studio.generations import prompt_history
from evolink_studio.generations.models import GeneratedVideo
from tests.factories import NOW, VEO, AssetFactory, GenerationFactory, UserFactory
from tests.form_pages import ParsedPage

pytestmark = pytest.mark.django_db


def write(owner, prompt, *, age=0, state="completed", **fields):
    return GenerationFactory(
        owner=owner,
        prompt=prompt,
        params={"prompt": prompt, "quality": "1080p"},
        state=state,
        created_at=NOW - timedelta(minutes=age),
        **fields,
    )


def list_prompts(client, query="") -> list[str]:
    page = ParsedPage(client.get(f"/prompts/{query}"))
    return ["".join(it.itertext()) for it in page.find_all("p[@class='prompt-text']")]


def test_each_prompt_stands_once_newest_first_with_the_film_it_made(ada_client, ada):
    write(ada, "A boat", age=1, state="failed")
    film = write(ada, "A boat", age=5)
    asset = AssetFactory(owner=ada, kind="video", format="mp4", mime="video/mp4")
    asset.poster = asset.poster_small = AssetFactory(owner=ada).file
    asset.save()
    GeneratedVideo.objects.create(generation=film, asset=asset, position=0)
    write(ada, "A whale", age=3)
    write(UserFactory(), "Not hers")
    write(ada, "Thrown away", trashed_at=NOW)
    assert list_prompts(ada_client) == ["A boat", "A whale"]
    text = ada_client.get("/prompts/").content.decode()
    assert f"/films/{film.pk}/" in text
    assert "2 films" in text


def test_a_prompt_is_found_by_pieces_of_it_whatever_case_and_accents(ada_client, ada):
    write(ada, "Ein ÄRGERLICHER Wal")
    titled = write(ada, "A boat")
    titled.label_text = "wal"
    titled.save()
    assert list_prompts(ada_client, "?q=arger+wal") == ["Ein ÄRGERLICHER Wal"]
    assert list_prompts(ada_client, "?q=nothing") == []
    assert ada_client.get("/prompts/?q=%00").status_code == 200


def test_pages_follow_each_other_at_any_depth(ada_client, ada, monkeypatch):
    monkeypatch.setattr(prompt_history, "PAGE_ROWS", 2)
    for number in range(5):
        write(ada, f"Prompt {number}", age=number)
    found, url = [], "/prompts/"
    for _ in range(3):
        page = ParsedPage(ada_client.get(url))
        found += ["".join(it.itertext()) for it in page.find_all("p[@class='prompt-text']")]
        links = page.find_all("li[@class='load-more']/a")
        url = links[0].get("href") if links else ""
    assert found == [f"Prompt {number}" for number in range(5)]
    assert url == ""
    assert ada_client.get("/prompts/?after=nonsense").status_code == 200


def test_the_form_opens_with_the_prompt_alone(ada_client, ada):
    generation = write(ada, "A boat")
    page = ParsedPage(ada_client.get(f"/create/{VEO}/?prompt_of={generation.pk}"))
    assert page.control_value("prompt") == "A boat"
    assert page.control_value("quality") != "1080p"
    foreign = write(UserFactory(), "Not hers")
    assert ada_client.get(f"/create/{VEO}/?prompt_of={foreign.pk}").status_code == 404


def test_a_prompt_becomes_a_template_once_it_has_a_name(ada_client, ada):
    generation = write(ada, "A boat on {water}")
    text = ada_client.get(f"/prompts/{generation.pk}/template/").content.decode()
    assert "A boat on {water}" in text
    assert not ada.prompt_templates.exists()


def test_the_menu_of_the_form_has_the_newest_prompts(ada_client, ada):
    for number in range(12):
        write(ada, f"Prompt {number}", age=number)
    text = ada_client.get(f"/create/{VEO}/menu/history/").content.decode()
    assert text.count("data-put-prompt") == 8
    assert ada_client.get(f"/create/{VEO}/menu/other/").status_code == 404
