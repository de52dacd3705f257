"""The batch page: the table, its sum against what is left, one press, its progress."""

import json
import uuid
from dataclasses import replace
from decimal import Decimal
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evolink_studio.catalog import SPECS
from evolink_studio.credits.models import Allowance, AllowanceBalance, RateCard
from evolink_studio.credits.services import record_balance
from evolink_studio.generations.models import Batch, Decision, Generation
from evolink_studio.generations.params import load_params, serialize_params
from evolink_studio.generations.pipeline.provider import get_provider_key
from evolink_studio.generations.presenters.main_settings import describe_format
from evolink_studio.generations.services import (
    AlreadySentAgain,
    GenerationRequest,
    IdempotencyConflict,
    create_batch,
    derive_form_key,
    save_draft,
)
from evolink_studio.generations.transitions import transition
from evolink_studio.library.models import Asset
from evolink_studio.projects.models import Project
from evolink_studio.prompts.cast.services import create_cast_member
from tests.factories import NOW, VEO, AssetFactory, GenerationFactory
from tests.form_pages import ParsedPage, element_text
from tests.generations.form_client import HTMX_HEADERS
from tests.generations.test_create_batch import limit_credits
from tests.sample_images import make_image

pytestmark = pytest.mark.django_db
SEEDANCE, GROK = "doubao-seedance-1.0-pro-fast", "grok-imagine-text-to-video"
KLING = "kling-o3-image-to-video"  # pictures by name


@pytest.fixture(autouse=True)
def _prices(ada) -> None:
    """10 credits a film, with every model but Sora, which has no price."""
    limit_credits(ada, 100)
    RateCard.objects.all().delete()
    for model_id in (SEEDANCE, GROK, VEO, KLING):
        RateCard.objects.create(
            model_id=model_id,
            unit="call",
            credits_per_unit=Decimal(10),
            effective_at="2020-01-01T00:00Z",
        )


@pytest.fixture
def project(ada) -> Project:
    return Project.objects.create(owner=ada, name="Spring", created_at=NOW)


def limit_credits_of(user, credits: int) -> None:
    Allowance.objects.filter(user=user).update(credits_limit=Decimal(credits))


class TablePage:
    """An answer with a table, as a browser without scripts would send it on."""

    def __init__(self, response) -> None:
        self.page = ParsedPage(response)
        self.text = self.page.text
        (form,) = self.page.find_all("form[@id='batch-table']")
        self.fields: dict[str, object] = {}
        for select in form.iter("select"):
            chosen = [option for option in select.iter("option") if "selected" in option.attrib]
            self.fields[select.get("name")] = chosen[0].get("value")
        for field in [*form.iter("input"), *form.iter("textarea")]:
            name, kind = field.get("name"), field.get("type")
            if not name or (kind == "checkbox" and "checked" not in field.attrib):
                continue
            value = field.text or "" if field.tag == "textarea" else field.get("value") or ""
            if name in ("ticked", "models", "ratios", "lengths", "qualities", "picture"):
                self.fields.setdefault(name, []).append(value)
            else:
                self.fields[name] = value
        self.button = next(b for b in form.iter("button") if b.get("value") == "send")
        self.button_text = " ".join("".join(self.button.itertext()).split())
        self.rows = [
            " ".join("".join(row.itertext()).split())
            for row in form.iter("li")
            if row.get("id", "").startswith("row-")
        ]


def build(client, prompts="A cat\nA dog", models=(SEEDANCE,), **fields):
    return client.post("/batch/", {"prompts": prompts, "models": models, **fields})


def build_page(client, *args, **fields) -> TablePage:
    return TablePage(build(client, *args, **fields))


def send(client, table: TablePage, **changes):
    return client.post("/batch/", {**table.fields, "_do": "send", **changes})


def test_the_table_has_a_row_for_each_combination_with_its_price(ada_client):
    table = build_page(ada_client, models=[SEEDANCE, GROK], ratios=["16:9", "1:1"])
    assert len(table.rows) == 8
    assert all("10" in row for row in table.rows)
    assert table.button_text.startswith("Send 8 films · 80 credits")
    assert "you will have 20 left" in table.button_text
    assert not Generation.objects.exists()


def test_what_is_left_of_evolinks_balance_counts_what_waits(ada_client):
    record_balance(provider_key=get_provider_key(), credits_available=Decimal(200), now=NOW)
    GenerationFactory(state="queued")  # of somebody else, 162 credits
    assert "you will have 18 left" in build_page(ada_client).button_text
    table = build_page(ada_client, models=[SEEDANCE, GROK])
    assert "left" not in table.button_text
    assert "fewer credits than this and what waits need" in table.text


def test_what_a_model_refuses_is_a_row_with_the_reason_and_without_a_tick(ada_client):
    table = build_page(ada_client, "A cat", [VEO, GROK], ratios=["1:1"], lengths=["6"])
    veo_row, _ = table.rows
    assert "Choose one of: Automatic, 16:9, 9:16" in veo_row
    assert "Veo 3.1 Pro makes films of 8 s" in veo_row
    assert table.fields["ticked"] == ["1"]
    assert table.button_text.startswith("Send 1 film · 10 credits")


def test_each_model_takes_only_the_qualities_that_it_offers(ada_client):
    qualities = ["720p", "4k"]
    table = build_page(ada_client, "A cat", [VEO, SEEDANCE, GROK], qualities=qualities)
    assert [("Choose one of: 480p, 720p, 1080p" in row) for row in table.rows][:2] == [False, True]
    assert [("has no setting “Quality”" in row) for row in table.rows].count(True) == 2
    assert len(table.fields["ticked"]) == 3
    assert table.fields["qualities"] == qualities  # the table can be made again
    send(ada_client, table)
    rows = Generation.objects.values_list("model_id", "params__quality")
    assert set(rows) == {(SEEDANCE, "720p"), (VEO, "720p"), (VEO, "4k")}


def test_what_a_line_of_a_file_says_of_itself_is_not_varied(ada_client):
    file = BytesIO(b"prompt,quality\nA,1080p\nB,\n")
    file.name = "films.csv"
    fields = {"table": file, "models": [SEEDANCE], "qualities": ["480p", "720p"]}
    send(ada_client, TablePage(ada_client.post("/batch/", fields)))
    rows = Generation.objects.order_by("pk").values_list("prompt", "params__quality")
    assert list(rows) == [("A", "1080p"), ("B", "480p"), ("B", "720p")]


def test_the_qualities_of_all_models_stand_in_order_and_none_else_can_be_chosen(ada_client):
    page = ParsedPage(ada_client.post("/batch/", {"qualities": ["720p", "8k"]}))
    boxes = page.find_all("input[@name='qualities']")
    assert [box.get("value") for box in boxes] == ["480p", "720p", "1080p", "4k"]
    assert [box.get("value") for box in boxes if "checked" in box.attrib] == ["720p"]


def test_a_press_stores_the_ticked_rows_as_edited_and_leads_to_their_progress(ada_client, ada):
    table = build_page(ada_client, "A cat\nA dog\nA fish", lengths=["4"], title="Pets")
    changes = {"ticked": ["0", "2"], "prompt-2": "A whale"}
    # Another number than the button names: nothing is sent, and the button is up to date.
    refused = TablePage(send(ada_client, table, **changes))
    assert "nothing was sent" in refused.text
    assert not Generation.objects.exists()

    answer = send(ada_client, refused, title="Pets", max_failures="3")
    batch = Batch.objects.get()
    assert answer["Location"] == f"/batch/{batch.pk}/"
    assert (batch.kind, batch.title, batch.max_failures, batch.owner) == ("table", "Pets", 3, ada)
    rows = list(batch.generations.order_by("pk"))
    assert [row.prompt for row in rows] == ["A cat", "A whale"]
    assert [row.params["duration"] for row in rows] == [4, 4]
    assert {row.credits_held for row in rows} == {Decimal(10)}


def test_a_table_sent_again_and_again_is_one_batch(ada_client, ada):
    table = build_page(ada_client)
    limit_credits_of(ada, 20)
    locations = {send(ada_client, table)["Location"] for _ in range(5)}
    assert locations == {f"/batch/{Batch.objects.get().pk}/"}
    assert Generation.objects.count() == 2
    assert AllowanceBalance.objects.get().credits_reserved == 20


def test_a_table_sent_again_with_other_rows_is_refused_with_a_fresh_key(ada_client):
    table = build_page(ada_client)
    send(ada_client, table)
    again = TablePage(send(ada_client, table, **{"prompt-0": "Something else"}))
    assert "sent before" in again.text
    assert again.fields["form_key"] != table.fields["form_key"]
    assert Generation.objects.count() == 2


@pytest.mark.parametrize("number", ["none", "0", "-1", "201", "1.5"])
def test_a_number_of_failures_that_is_none_sends_nothing_and_stays(ada_client, number):
    answer = TablePage(send(ada_client, build_page(ada_client), max_failures=number))
    assert "a number from 1 to 200" in answer.text
    assert answer.fields["max_failures"] == number
    assert not Generation.objects.exists()


def test_more_than_is_left_is_never_sent_in_part_without_being_asked(ada_client, ada):
    table = build_page(ada_client, "\n".join(f"Film {n}" for n in range(14)))
    assert "disabled" in table.button.attrib
    assert "Of 14 rows the first 10 fit" in table.text
    send(ada_client, table)
    assert not Generation.objects.exists()

    fitting = TablePage(ada_client.post("/batch/", {**table.fields, "_do": "fit"}))
    assert fitting.button_text.startswith("Send 10 films · 100 credits")
    assert send(ada_client, fitting).status_code == 302
    assert Generation.objects.count() == 10


def test_a_price_that_changed_meanwhile_sends_nothing(ada_client):
    table = build_page(ada_client)
    RateCard.objects.update(credits_per_unit=Decimal(11))
    answer = TablePage(send(ada_client, table))
    assert "another number or price" in answer.text
    assert answer.button_text.startswith("Send 2 films · 22 credits")
    assert not Generation.objects.exists()


def test_a_change_brings_the_table_alone_with_the_sum_of_the_ticked_rows(ada_client):
    table = build_page(ada_client)
    answer = ada_client.post("/batch/", {**table.fields, "ticked": ["1"]}, headers=HTMX_HEADERS)
    assert TablePage(answer).button_text.startswith("Send 1 film · 10 credits")
    assert b"<html" not in answer.content


def test_the_largest_table_is_not_too_many_fields_for_one_form(ada_client, ada):
    limit_credits_of(ada, 5000)
    prompts = "\n".join(f"Film {n}" for n in range(100))
    table = build_page(ada_client, prompts, ratios=["16:9", "1:1"], lengths=["4"])
    assert len(table.rows) == 200
    assert send(ada_client, table).status_code == 302
    assert Generation.objects.count() == 200


def test_a_row_whose_prompt_was_emptied_says_so(ada_client):
    table = build_page(ada_client)
    answer = TablePage(ada_client.post("/batch/", {**table.fields, "prompt-0": " "}))
    assert "Prompt:" in answer.rows[0]
    assert answer.fields["ticked"] == ["1"]


def test_every_picture_begins_a_film_of_its_own(ada_client, ada):
    pictures = [
        SimpleUploadedFile(f"{n}.png", make_image(width=640 + n, height=480)) for n in range(2)
    ]
    table = TablePage(
        ada_client.post(
            "/batch/", {"prompts": "A cat", "models": [SEEDANCE, GROK], "pictures": pictures}
        )
    )
    assert len(table.rows) == 4
    assert [("takes no pictures" in row) for row in table.rows] == [False, True, False, True]
    send(ada_client, table)
    rows = Generation.objects.order_by("pk")
    assets = list(Asset.objects.order_by("pk"))
    assert [list(row.inputs.all()) for row in rows] == [[asset] for asset in assets]
    assert [row.params["image_urls"] for row in rows] == [[asset.ref] for asset in assets]


def test_somebody_elses_picture_is_none(ada_client):
    table = build_page(ada_client)
    foreign = AssetFactory()
    rows = [{"model": SEEDANCE, "settings": {}, "picture": foreign.ref}]
    answer = TablePage(ada_client.post("/batch/", {**table.fields, "rows": json.dumps(rows)}))
    assert "no longer in your library" in answer.rows[0]


def test_a_table_from_a_file(ada_client):
    file = BytesIO(
        "prompt;model;quality\nKäse;Seedance 1.0 Pro Fast;480p\nA;veo3.1-pro;4k".encode()
    )
    file.name = "films.csv"
    table = TablePage(ada_client.post("/batch/", {"table": file}))
    send(ada_client, table)
    rows = Generation.objects.order_by("pk").values_list("model_id", "prompt", "params__quality")
    assert list(rows) == [(SEEDANCE, "Käse", "480p"), (VEO, "A", "4k")]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"prompts": "", "models": [SEEDANCE]}, "Write a prompt"),
        ({"prompts": "A cat"}, "Choose a model"),
        ({"prompts": "A cat\n" * 201, "models": [SEEDANCE]}, "That would be 201 rows"),
        ({"prompts": "A cat", "models": ["nonsense"]}, "Choose a model"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(ada_client, fields, text):
    page = ParsedPage(ada_client.post("/batch/", fields))
    assert text in page.text
    assert page.control_value("prompts").strip() == fields["prompts"].strip()


@pytest.mark.parametrize(
    "rows",
    [
        "",
        "x",
        "7",
        "[7]",
        "[null, {}]",
        '[{"model": 7}]',
        "[" * 100_000,
        '[{"model": "veo3.1-pro", "settings": [], "picture": {}}]',
    ],
)
def test_no_carried_table_breaks_the_page(ada_client, rows):
    for command in ("", "fit", "send"):
        answer = ada_client.post("/batch/", {"rows": rows, "_do": command, "form_key": "x"})
        assert answer.status_code == 200
    assert not Generation.objects.exists()


# --- the cast ----------------------------------------------------------------------------------


def cast(owner, name) -> Asset:
    asset = AssetFactory(owner=owner, format="png", width=640, height=480)
    create_cast_member(owner=owner, name=name, asset=asset, now=NOW)
    return asset


def test_a_name_in_a_row_puts_the_picture_in_and_its_tag_into_what_is_sent(ada_client, ada):
    anna, ben = cast(ada, "anna"), cast(ada, "Ben")
    table = build_page(ada_client, "@ben waves\n@Anna and @ben\nNobody", [KLING])
    assert "@Ben is picture 1: sent as <<<image_1>>>" in table.rows[0]
    assert "@anna is picture 1" in table.rows[1]
    assert "@Ben is picture 2" in table.rows[1]
    assert "least one picture" in table.rows[2]
    assert table.fields["prompt-1"].strip() == "@Anna and @ben"

    changes = {"prompt-2": "@anna sleeps", "ticked": ["0", "1", "2"]}
    send(ada_client, TablePage(ada_client.post("/batch/", {**table.fields, **changes})))
    rows = list(Generation.objects.order_by("pk"))
    assert [row.prompt for row in rows] == [
        "<<<image_1>>> waves",
        "<<<image_1>>> and <<<image_2>>>",
        "<<<image_1>>> sleeps",
    ]
    assert [row.params["image_urls"] for row in rows] == [
        [ben.ref],
        [anna.ref, ben.ref],
        [anna.ref],
    ]
    assert [set(row.inputs.all()) for row in rows] == [{ben}, {anna, ben}, {anna}]


def test_the_pictures_of_a_row_are_its_own_and_those_of_the_cast(ada_client, ada):
    anna = cast(ada, "anna")
    frame = AssetFactory(owner=ada, format="png", width=641, height=480)
    send(ada_client, build_page(ada_client, "@anna waves", [KLING], picture=[frame.ref]))
    generation = Generation.objects.get()
    assert generation.params["image_start"] == frame.ref
    assert generation.params["image_urls"] == [anna.ref]
    assert generation.prompt == "<<<image_2>>> waves"
    assert set(generation.inputs.all()) == {anna, frame}


def test_a_row_says_where_a_name_is_a_mere_word_and_why_pictures_do_not_fit(ada_client, ada):
    for number in range(8):
        cast(ada, f"extra{number}")
    names = " ".join(f"@extra{number}" for number in range(8))
    table = build_page(ada_client, f"@extra0 waves\n{names}", [KLING, GROK])
    named_row, word_row, crowd_row, _ = table.rows
    assert "@extra0 is picture 1" in named_row
    assert "@extra0 is sent as the word “extra0”" in word_row
    assert "Reference pictures: Too many: at most 7 fit here, and this has 8." in crowd_row
    assert table.fields["ticked"] == ["0", "1", "3"]


def test_the_cast_of_all_rows_is_looked_up_once(ada_client, ada):
    for number in range(5):
        cast(ada, f"extra{number}")
    counts = []
    for length in (1, 40):
        prompts = "\n".join(f"@extra{number % 5} waves" for number in range(length))
        with CaptureQueriesContext(connection) as queries:
            assert len(build_page(ada_client, prompts, [KLING]).rows) == length
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- begun with the form of a model ------------------------------------------------------------


def begin(client, model_id=SEEDANCE, **fields) -> ParsedPage:
    """The batch page that the form of a model leads to."""
    page_key = str(uuid.uuid4())
    data = {"prompt": "A cat", "from_model": model_id, "_page": page_key, **fields}
    answer = client.post(f"/create/{model_id}/batch/", data)
    assert answer["Location"] == f"/batch/?model={model_id}&draft={page_key}"
    return ParsedPage(client.get(answer["Location"]))


def list_checked(page: ParsedPage, name: str) -> list[str]:
    boxes = page.find_all(f"input[@name='{name}']")
    return [box.get("value") for box in boxes if "checked" in box.attrib]


def test_a_batch_begins_with_all_that_the_form_of_a_model_holds(ada_client, ada, project):
    frame = AssetFactory(owner=ada, format="png", width=641, height=480)
    fields = {"aspect_ratio": "9:16", "duration": "4", "quality": "720p", "_project": project.pk}
    page = begin(ada_client, prompt="A cat " * 1000, image_urls=frame.ref, **fields)
    assert page.control_value("prompts").strip() == ("A cat " * 1000).strip()
    assert list_checked(page, "models") == [SEEDANCE]
    assert list_checked(page, "ratios") == ["9:16"]
    assert list_checked(page, "lengths") == ["4"]
    assert list_checked(page, "qualities") == ["720p"]
    assert list_checked(page, "picture") == [frame.ref]
    assert "Taken over from the form of Seedance 1.0 Pro Fast." in page.text
    assert "Not taken over" not in page.text
    assert page.find_all("input[@type='hidden'][@name='_project']")[0].get("value") == str(
        project.pk
    )
    table = build_page(ada_client, models=[SEEDANCE], _project=project.pk)
    assert table.fields["_project"] == str(project.pk)


def test_what_the_form_shows_is_ticked_although_nobody_chose_it(ada_client):
    page = begin(ada_client)
    assert list_checked(page, "lengths") == ["5"]
    assert list_checked(page, "qualities") == ["1080p"]


def test_a_prompt_of_several_lines_is_one_prompt_of_a_batch_and_says_so(ada_client):
    page = begin(ada_client, prompt="A cat\r\n\r\n  plays\nthe piano")
    assert page.control_value("prompts").strip() == "A cat plays the piano"
    assert "each line is a prompt of its own" in page.text


def test_what_a_batch_has_no_place_for_is_named(ada_client, ada):
    first, last = (AssetFactory(owner=ada, format="png", width=640, height=480) for _ in range(2))
    fields = {"image_start": first.ref, "image_end": last.ref, "sound": "true"}
    page = begin(ada_client, KLING, **fields)
    assert list_checked(page, "picture") == [first.ref]
    assert page.text.split("Not taken over: ")[1].split(".")[0] == "Last frame, Sound effects"


def test_of_several_pictures_none_is_taken_since_each_would_make_a_film(ada_client, ada):
    frames = [AssetFactory(owner=ada, format="png", width=640, height=480) for _ in range(2)]
    page = begin(ada_client, VEO, image_urls=[frame.ref for frame in frames])
    assert not list_checked(page, "picture")
    assert "Not taken over: First and last frame." in page.text


def test_a_draft_that_is_gone_or_somebody_elses_begins_an_empty_batch(ada_client, eve):
    key = uuid.uuid4()
    save_draft(owner=eve, model_id=VEO, values={"prompt": "Hers"}, page_keys=[key], now=NOW)
    for query in (f"model={VEO}&draft={key}", f"model=x&draft={key}", f"model={VEO}&draft=x"):
        page = ParsedPage(ada_client.get(f"/batch/?{query}"))
        assert page.control_value("prompts").strip() == ""
        assert "Taken over" not in page.text


# --- the project -------------------------------------------------------------------------------


def test_the_films_of_a_table_are_made_for_its_project_which_is_remembered(ada_client, project):
    table = build_page(ada_client)
    assert table.fields["_project"] == ""
    checked = TablePage(ada_client.post("/batch/", {**table.fields, "_project": project.pk}))
    assert checked.fields["_project"] == str(project.pk)
    send(ada_client, checked)
    assert {row.project for row in Generation.objects.all()} == {project}
    assert build_page(ada_client).fields["_project"] == str(project.pk)


def test_a_first_project_is_begun_by_the_press_that_sends_and_by_no_other(ada_client):
    table = build_page(ada_client)
    assert "_project" not in table.fields
    refused = TablePage(send(ada_client, table, _new_project="Autumn", max_failures="x"))
    refused = TablePage(send(ada_client, refused, max_failures="", ticked=["0"]))
    assert refused.fields["_new_project"] == "Autumn"
    assert not Project.objects.exists()
    locations = {send(ada_client, refused)["Location"] for _ in range(2)}
    assert len(locations) == 1
    assert Generation.objects.get().project == Project.objects.get(name="Autumn")


def test_a_table_sent_again_after_its_project_was_archived_is_the_same_batch(ada_client, project):
    table = build_page(ada_client)
    first = send(ada_client, table, _project=project.pk)["Location"]
    Project.objects.update(archived_at=NOW)
    assert send(ada_client, table, _project=project.pk)["Location"] == first


def test_a_project_that_may_not_be_chosen_is_said_at_the_field_and_the_table_stays(
    ada_client, ada, eve, project
):
    foreign = Project.objects.create(owner=eve, name="Hers", created_at=NOW)
    Project.objects.create(owner=ada, name="Old", created_at=NOW, archived_at=NOW)
    cases = (
        {"_project": str(foreign.pk)},
        {"_project": "<script>"},
        {"_project": "new"},
        {"_project": "new", "_new_project": "x" * 81},
        {"_project": "new", "_new_project": "Old"},
    )
    table = build_page(ada_client)
    for fields in cases:
        answer = TablePage(send(ada_client, table, title="Pets", **{"prompt-0": "Ours"}, **fields))
        assert answer.page.error_text("_project"), fields
        assert answer.fields["title"] == "Pets"
        assert answer.fields["prompt-0"].strip() == "Ours"
        assert answer.fields["form_key"] == table.fields["form_key"]
    assert not Generation.objects.exists()
    assert Project.objects.count() == 3


# --- progress ----------------------------------------------------------------------------------


@pytest.fixture
def batch(ada_client) -> Batch:
    send(ada_client, build_page(ada_client, "A cat\nA dog\nA fish"))
    return Batch.objects.get()


def test_a_batch_leads_to_its_films_once_there_are_some(ada_client, batch):
    href = f"/films/?batch={batch.pk}"
    links = f"a[@href='{href}']"
    assert not ParsedPage(ada_client.get(f"/batch/{batch.pk}/")).find_all(links)
    batch.generations.update(state="completed")
    (link,) = ParsedPage(ada_client.get(f"/batch/{batch.pk}/")).find_all(links)
    assert element_text(link) == "Show its films"
    page = ParsedPage(ada_client.get(href))
    assert "3 films" in page.text


def test_the_progress_counts_what_is_done_and_waits_and_what_it_cost(ada_client, batch):
    first = batch.generations.order_by("pk")[0]
    transition(first, "failed", now=NOW)
    text = ParsedPage(ada_client.get(f"/batch/{batch.pk}/")).text
    assert "1 / 3" in text
    assert "Stop the rest: cancel 2 that wait" in text
    assert "0 credits charged · 20 reserved" in text


def test_rows_of_one_prompt_are_told_apart_by_their_format(ada_client, batch):
    for row, ratio in zip(batch.generations.order_by("pk"), ("9:16", "16:9"), strict=False):
        row.params = {**row.params, "aspect_ratio": ratio, "quality": "1080p"}
        row.save()
    page = ParsedPage(ada_client.get(f"/batch/{batch.pk}/"))
    first, second, *_others = [
        element_text(it) for it in page.find_all("p[@class='batch-settings']")
    ]
    assert "9:16" in first
    assert "16:9" in second
    assert "1080p" in first


def test_a_value_that_no_setting_has_is_no_format(ada):
    row = GenerationFactory(owner=ada, model_id="veo3.1-pro")
    row.params = {"aspect_ratio": {"a": 1}, "duration": None, "quality": "720p"}
    assert "720p" in describe_format(row)
    assert "a" not in describe_format(row).replace("720p", "")
    row.params = "text"
    assert "720p" not in describe_format(row)
    row.model_id = "cut"
    assert describe_format(row) == ""


def test_the_page_asks_again_only_while_something_can_change(ada_client, batch):
    url = f"/batch/{batch.pk}/"
    block = ParsedPage(ada_client.get(url)).find_one("div[@id='batch-progress']")
    assert block.get("hx-trigger") == "every 4s"
    assert ada_client.get(block.get("hx-get"), headers=HTMX_HEADERS).status_code == 204
    ada_client.post(f"{url}stop/")
    answer = ada_client.get(block.get("hx-get"), headers=HTMX_HEADERS)
    assert answer.status_code == 200
    assert ParsedPage(answer).find_one("div[@id='batch-progress']").get("hx-get") is None


def test_what_is_left_is_told_with_every_change(ada_client, batch):
    url = f"/batch/{batch.pk}/"
    page = ParsedPage(ada_client.get(url))
    assert "Reserved by you now30" in element_text(page.find_one("div[@id='usage']"))
    ada_client.post(f"{url}stop/")
    poll_url = page.find_one("div[@id='batch-progress']").get("hx-get")
    badge = ParsedPage(ada_client.get(poll_url, headers=HTMX_HEADERS)).find_one("div[@id='usage']")
    assert badge.get("hx-swap-oob") == "morph"
    assert "Reserved by you now0" in element_text(badge)


def test_stopping_the_rest_cancels_what_waits_and_returns_its_credits(ada_client, batch):
    assert ada_client.post(f"/batch/{batch.pk}/stop/")["Location"] == f"/batch/{batch.pk}/"
    assert set(batch.generations.values_list("state", flat=True)) == {"cancelled"}
    assert AllowanceBalance.objects.get().credits_reserved == 0
    assert "Stopped." in ParsedPage(ada_client.get(f"/batch/{batch.pk}/")).text


def test_a_stranger_finds_no_batch(client, eve, batch):
    client.force_login(eve)
    assert client.get(f"/batch/{batch.pk}/").status_code == 404
    assert client.post(f"/batch/{batch.pk}/stop/").status_code == 404
    assert set(batch.generations.values_list("state", flat=True)) == {"queued"}


# --- what ended without a film, sent again -----------------------------------------------------


def end_rows(batch, *states) -> list[Generation]:
    rows = list(batch.generations.order_by("pk"))
    for row, state in zip(rows, states, strict=True):
        if state != "queued":
            row.state = {"failed": "sending", "running": "sending"}.get(state, row.state)
            row.save(update_fields=["state"])
            transition(row, state, now=NOW)
    return rows


def build_request(spec, params, assets) -> GenerationRequest:
    return GenerationRequest(spec=spec, params=params, assets=assets, credits_estimated=Decimal(10))


def list_offers(client, batch) -> list[str]:
    page = ParsedPage(client.get(f"/batch/{batch.pk}/"))
    url = f"/batch/{batch.pk}/again/"
    return [" ".join("".join(a.itertext()).split()) for a in page.find_all(f"a[@href='{url}']")]


def open_again(client, batch) -> TablePage:
    return TablePage(client.get(f"/batch/{batch.pk}/again/"))


def test_what_failed_or_was_cancelled_with_the_rest_is_offered_with_a_tick(ada_client, batch, ada):
    assert list_offers(ada_client, batch) == []
    failed, unknown, waiting = end_rows(batch, "failed", "queued", "queued")
    Generation.objects.filter(pk=unknown.pk).update(state="unknown")
    assert list_offers(ada_client, batch) == ["Send 1 missing film again"]
    ada_client.post(f"/batch/{batch.pk}/stop/")
    assert list_offers(ada_client, batch) == ["Send 2 missing films again"]
    table = open_again(ada_client, batch)
    assert table.fields["prompt-0"].strip() == failed.prompt
    assert table.fields["prompt-1"].strip() == waiting.prompt
    assert "prompt-2" not in table.fields
    assert not table.page.find_all("form[@id='batch-form']")


def test_what_a_person_cancelled_has_no_tick_and_what_is_in_the_trash_is_not_offered(
    ada_client, batch
):
    cancelled, trashed, waiting = end_rows(batch, "cancelled", "failed", "queued")
    Generation.objects.filter(pk=trashed.pk).update(trashed_at=NOW)
    assert list_offers(ada_client, batch) == ["Send 1 missing film again"]
    ada_client.post(f"/batch/{batch.pk}/stop/")
    Generation.objects.filter(pk=cancelled.pk).update(finished_at=NOW)
    assert list_offers(ada_client, batch) == ["Send 2 missing films again"]
    table = open_again(ada_client, batch)
    prompts = [table.fields[f"prompt-{number}"].strip() for number in range(2)]
    assert prompts == [cancelled.prompt, waiting.prompt]
    assert table.fields["ticked"] == ["1"]


def test_what_an_admin_decided_and_has_to_look_at_again_is_not_offered(ada_client, batch):
    disputed, _fine, _waiting = end_rows(batch, "failed", "failed", "queued")
    Decision.objects.create(
        generation=disputed, kind="never", decided_at=NOW, contradiction="task", needs_look=True
    )
    assert list_offers(ada_client, batch) == ["Send 1 missing film again"]


def test_the_rows_are_sent_again_once_with_all_their_settings_their_pictures_and_project(
    ada_client, ada, project
):
    limit_credits_of(ada, 1000)
    frame, reference = (AssetFactory(owner=ada, format="png", width=640, height=480) for _ in "ab")
    params = {
        "multi_shot": True,
        "image_start": [frame.ref],
        "image_urls": [reference.ref],
        "shots": [{"prompt": "<<<image_1>>> runs", "duration": 3}, {"prompt": "B", "duration": 4}],
        "duration": 7,
    }
    evaluation = SPECS[KLING].evaluate(load_params(SPECS[KLING], params, ada.pk).values)
    assert evaluation.request is not None, evaluation.errors
    stored_params = serialize_params(SPECS[KLING], evaluation.request)
    requests = [
        build_request(SPECS[KLING], stored_params, [frame, reference]),
        build_request(SPECS[SEEDANCE], {"prompt": "A cat", "quality": "480p"}, []),
    ]
    batch = create_batch(
        owner=ada,
        kind=Batch.Kind.TABLE,
        requests=requests,
        form_key=uuid.uuid4(),
        title="Pets",
        max_failures=2,
        project_id=project.pk,
        now=NOW,
    ).batch
    originals = end_rows(batch, "failed", "failed")

    table = open_again(ada_client, batch)
    assert (table.fields["title"], table.fields["max_failures"]) == ("Pets", "2")
    assert table.fields["_project"] == str(project.pk)
    assert table.button_text.startswith("Send 2 films · 20 credits")
    checked = TablePage(ada_client.post("/batch/", {**table.fields, "prompt-1": "A dog"}))
    reloaded = open_again(ada_client, batch)
    locations = {send(ada_client, checked)["Location"] for _ in range(3)}
    assert len(locations) == 1
    new_batch = Batch.objects.latest("pk")
    rows = list(new_batch.generations.order_by("pk"))
    assert [row.based_on_id for row in rows] == [row.pk for row in originals]
    assert rows[0].params == originals[0].params
    assert set(rows[0].inputs.all()) == {frame, reference}
    assert (rows[1].prompt, rows[1].params["quality"]) == ("A dog", "480p")
    assert {row.project for row in rows} == {project}

    # A page that was open meanwhile sends nothing twice, and there is nothing left to offer.
    assert "This was sent again already." not in table.text
    assert "sent before" in TablePage(send(ada_client, reloaded)).text
    assert Generation.objects.count() == 4
    assert list_offers(ada_client, batch) == []
    page = ParsedPage(ada_client.get(f"/batch/{batch.pk}/"))
    assert "2 missing films were sent again already." in page.text
    assert page.find_all(f"a[@href='/batch/{new_batch.pk}/']")
    assert ada_client.get(f"/batch/{batch.pk}/again/")["Location"] == f"/batch/{batch.pk}/"


def test_two_open_pages_of_the_same_rows_send_them_once(ada_client, batch):
    end_rows(batch, "failed", "failed", "queued")
    pages = [open_again(ada_client, batch) for _ in range(2)]
    assert len({send(ada_client, page)["Location"] for page in pages}) == 1
    assert Generation.objects.count() == 5


def test_pages_that_offer_other_rows_send_none_of_them_twice(ada_client, batch):
    rows = end_rows(batch, "failed", "queued", "queued")
    early = open_again(ada_client, batch)
    Generation.objects.filter(pk=rows[1].pk).update(state="failed", finished_at=NOW)
    late = open_again(ada_client, batch)
    assert send(ada_client, late).status_code == 302
    refused = TablePage(send(ada_client, early))
    assert "Nothing was sent" in refused.text
    assert "This was sent again already." in refused.rows[0]
    assert refused.fields.get("ticked", []) == []
    assert Generation.objects.count() == 5


def test_a_page_whose_rows_were_sent_by_another_one_says_which(ada_client, batch):
    end_rows(batch, "failed", "failed", "queued")
    pages = [open_again(ada_client, batch) for _ in range(2)]
    fewer = TablePage(ada_client.post("/batch/", {**pages[0].fields, "ticked": ["1"]}))
    send(ada_client, pages[1])
    refused = TablePage(send(ada_client, fewer))
    assert "sent before" in refused.text
    assert ["sent again already" in row for row in refused.rows] == [True, True]
    TablePage(send(ada_client, refused))
    assert Generation.objects.count() == 5


def test_two_presses_at_the_same_moment_send_a_row_again_once(ada, batch):
    """What no page can know: another press was stored after this one was checked."""
    (failed, *_) = end_rows(batch, "failed", "queued", "queued")
    request = replace(build_request(SPECS[SEEDANCE], failed.params, []), based_on_id=failed.pk)
    press = {"owner": ada, "kind": Batch.Kind.TABLE, "requests": [request], "now": NOW}
    first_key = uuid.uuid4()
    first = create_batch(form_key=first_key, **press)
    with pytest.raises(AlreadySentAgain):
        create_batch(form_key=uuid.uuid4(), **press)
    assert create_batch(form_key=first_key, **press).batch == first.batch
    assert Generation.objects.count() == 4


def test_a_key_that_a_single_film_took_is_a_conflict_and_stores_nothing(ada, ada_client):
    key = uuid.uuid4()
    taken_key = derive_form_key(key, 1)
    GenerationFactory(owner=ada, form_key=taken_key)
    request = build_request(SPECS[SEEDANCE], {"prompt": "A cat"}, [])
    with pytest.raises(IdempotencyConflict):
        create_batch(
            owner=ada, kind=Batch.Kind.TABLE, requests=[request] * 2, form_key=key, now=NOW
        )
    assert not Batch.objects.exists()


@pytest.mark.parametrize("name", ["quality", "duration", "aspect_ratio"])
@pytest.mark.parametrize("is_htmx", [False, True])
def test_half_of_a_character_in_a_carried_row_is_left_out(ada_client, name, is_htmx):
    table = build_page(ada_client, "A cat")
    rows = json.dumps([{"model": SEEDANCE, "settings": {name: "\ud800"}, "picture": "\ud800"}])
    headers = HTMX_HEADERS if is_htmx else {}
    answer = ada_client.post("/batch/", {**table.fields, "rows": rows}, headers=headers)
    assert answer.status_code == 200
    assert "d800" not in TablePage(answer).fields["rows"]


def test_what_was_left_out_can_be_sent_later(ada_client, batch):
    end_rows(batch, "failed", "failed", "queued")
    table = open_again(ada_client, batch)
    fewer = TablePage(ada_client.post("/batch/", {**table.fields, "ticked": ["1"]}))
    send(ada_client, fewer)
    assert list_offers(ada_client, batch) == ["Send 1 missing film again"]
    send(ada_client, open_again(ada_client, batch))
    assert Generation.objects.count() == 5
    assert list_offers(ada_client, batch) == []


def test_a_picture_that_is_gone_is_said_at_its_row(ada_client, ada):
    picture = SimpleUploadedFile("a.png", make_image(width=640, height=480))
    send(ada_client, build_page(ada_client, "A cat", pictures=[picture]))
    batch = Batch.objects.get()
    end_rows(batch, "failed")
    assert open_again(ada_client, batch).page.find_one("li[@id='row-0']/img").get("src")
    Generation.objects.get().inputs.clear()
    Asset.objects.all().delete()
    table = open_again(ada_client, batch)
    assert "no longer in your library" in table.rows[0]
    assert "disabled" in table.button.attrib


def test_nobody_makes_a_row_of_somebody_elses_generation(ada_client, ada, eve):
    table = build_page(ada_client, "A cat")
    foreign = GenerationFactory(owner=eve, model_id=SEEDANCE, params={"prompt": "x"})
    cut = GenerationFactory(owner=ada, model_id="cut", params={})
    for pk in (foreign.pk, cut.pk, 0, "x", None, [1], True):
        rows = json.dumps([{"model": SEEDANCE, "settings": {}, "based_on": pk}])
        answer = TablePage(ada_client.post("/batch/", {**table.fields, "rows": rows}))
        assert "based_on" not in answer.fields["rows"]


def test_the_settings_of_all_rows_are_looked_up_once(ada_client, ada):
    limit_credits_of(ada, 1000)
    counts = []
    for length in (1, 40):
        frames = [AssetFactory(owner=ada, format="png", width=640, height=480) for _ in range(2)]
        refs = [frame.ref for frame in frames]
        prompts = "\n".join(f"Film {n}" for n in range(length))
        send(ada_client, build_page(ada_client, prompts, picture=refs))
        batch = Batch.objects.latest("pk")
        batch.generations.update(state="failed")
        with CaptureQueriesContext(connection) as queries:
            assert len(open_again(ada_client, batch).rows) == 2 * length
        counts.append(len(queries))
    assert counts[0] == counts[1]
