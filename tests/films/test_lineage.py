"""What a film was made from and what became of it, as its page says."""

from decimal import Decimal

from evolink_studio.catalog import CUT_MODEL_ID
from evolink_studio.films.lineage import find_cut
from evolink_studio.films.models import Cut
from evolink_studio.generations.models import Batch
from evolink_studio.library.services import edit_image
from tests.factories import NOW, AssetFactory
from tests.films.made_films import get_video, make_film
from tests.films.test_film_page import KLING, open_film
from tests.form_pages import element_text


def make_frame(film, second, **columns):
    return AssetFactory(
        owner=film.owner,
        origin="frame",
        derived_from=get_video(film),
        derived_at_second=Decimal(second),
        **columns,
    )


def make_from(picture, **columns):
    """A film that begins with this picture."""
    params = {"prompt": "A dog", "image_start": picture.ref}
    film = make_film(picture.owner, model_id=KLING, params=params, prompt="A dog", **columns)
    film.inputs.add(picture)
    return film


def read_family(page) -> dict[str, list[str]]:
    headings = [element_text(it) for it in page.find_all("h3[@class='film-family']")]
    lists = [it for it in page.find_all("section") if it.get("aria-labelledby") == "family-title"]
    tiles = lists[0].findall("ul") if lists else []
    links = [[link.get("href", "") for link in it.iter("a")] for it in tiles]
    return dict(zip(headings, links, strict=True))


def test_a_frame_leads_back_to_its_film_and_the_film_on_to_what_became_of_it(ada_client, ada):
    first = make_film(ada, title="Dawn")
    cropped = edit_image(asset=make_frame(first, "4.25"), action="jpeg", now=NOW)
    second = make_from(cropped)
    (item,) = open_film(ada_client, second).find_all("li[@class='film-input']")
    assert element_text(item) == "First frame from 0:04 of Dawn"
    assert item.findall(".//a")[-1].get("href") == f"/films/{first.pk}/"
    assert read_family(open_film(ada_client, first)) == {"Became": [f"/films/{second.pk}/"]}


def test_the_last_frame_is_called_the_end(ada_client, ada):
    film = make_film(ada, title="Dawn")
    video = get_video(film)
    video.seconds = Decimal("8")
    video.save()
    page = open_film(ada_client, make_from(make_frame(film, "8.000")))
    assert "the end of Dawn" in page.text


def test_takes_and_what_was_made_again_stand_there(ada_client, ada):
    batch = Batch.objects.create(owner=ada, kind="takes", form_key="0" * 32, created_at=NOW)
    original = make_film(ada)
    film, take = make_film(ada, batch=batch, based_on=original), make_film(ada, batch=batch)
    assert read_family(open_film(ada_client, film)) == {
        "Made again from": [f"/films/{original.pk}/"],
        "Other takes of the same press": [f"/films/{take.pk}/"],
    }
    assert read_family(open_film(ada_client, original)) == {
        "Made again with these settings": [f"/films/{film.pk}/"]
    }


def test_takes_say_their_ratio_and_many_are_folded(ada_client, ada):
    batch = Batch.objects.create(owner=ada, kind="takes", form_key="0" * 32, created_at=NOW)
    film, *_takes = [
        make_film(ada, batch=batch, params={"aspect_ratio": "9:16"}) for _number in range(7)
    ]
    page = open_film(ada_client, film)
    assert "9:16" in element_text(page.find_all("ul[@class='film-tiles']")[-1])
    assert "Show 6 films" not in page.text
    make_film(ada, batch=batch)
    assert "Show 7 films" in open_film(ada_client, film).text


def test_a_cut_names_its_parts(ada_client, ada, eve):
    part, foreign = make_film(ada, title="Dawn"), make_film(eve)
    film = make_film(ada, model_id=CUT_MODEL_ID)
    parts = [
        {"asset": get_video(part).pk, "from": 1, "to": 2.5},
        {"asset": get_video(foreign).pk, "from": 0, "to": None},
        "nonsense",
    ]
    Cut.objects.create(owner=ada, parts=parts, generation=film, created_at=NOW)
    items = open_film(ada_client, film).find_all("li[@class='film-input']")
    assert [element_text(it) for it in items] == [
        "1. 0:01–0:02 Dawn",
        "2. 0:00– This film was deleted.",
        "3. – This film was deleted.",
    ]


def test_how_many_queries_the_page_makes_does_not_grow_with_its_relatives(
    ada_client, ada, django_assert_max_num_queries
):
    film = make_film(ada)
    for second in range(5):
        make_from(make_frame(film, second))
        make_film(ada, based_on=film)
    with django_assert_max_num_queries(24):
        open_film(ada_client, film)


def test_only_a_film_that_was_cut_here_is_asked_for_its_cut(ada, django_assert_num_queries):
    film, cut_film = make_film(ada), make_film(ada, model_id=CUT_MODEL_ID)
    cut = Cut.objects.create(owner=ada, parts=[], generation=cut_film, created_at=NOW)
    with django_assert_num_queries(0):
        assert find_cut(film) is None
    with django_assert_num_queries(1):
        assert find_cut(cut_film) == cut
