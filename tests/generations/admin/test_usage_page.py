"""The usage page: figures, chart and CSV."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal

import pytest

from evolink_studio.generations.admin.usage_charts import build_chart
from evolink_studio.generations.states import State
from evolink_studio.generations.usage_report import NO_PROJECT, UsageFilter, build_usage_report
from evolink_studio.projects.models import Project
from tests.factories import NOW, GenerationFactory, UserFactory
from tests.generations.admin.conftest import GENERATIONS_URL, USAGE_URL

KLING = "kling-o3-image-to-video"
NOVEMBER_QUERY = "created_from=2026-11-01&created_to=2026-11-30"
NOVEMBER_LIST_QUERY = "accounted_from=2026-11-01&accounted_to=2026-11-30"


def read_csv_rows(answer) -> list[list[str]]:
    """The CSV as rows of cells."""
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


def november_filter(**fields) -> UsageFilter:
    return UsageFilter(date(2026, 11, 1), date(2026, 11, 30), **fields)


def test_figures_are_told_by_person_by_model_and_by_day(db):
    ada, bob = UserFactory(username="ada"), UserFactory(username="bob")
    GenerationFactory(owner=ada, state=State.COMPLETED, credits_charged=10)
    GenerationFactory(
        owner=bob, state=State.COMPLETED, credits_charged=Decimal("5.4"), model_id=KLING
    )
    GenerationFactory(
        owner=bob, state=State.FAILED, credits_charged=0, created_at=NOW - timedelta(days=3)
    )
    GenerationFactory(
        owner=bob, state=State.COMPLETED, credits_charged=99, created_at=NOW - timedelta(days=40)
    )
    report = build_usage_report(november_filter())
    assert (report.totals.count, report.totals.failed_count, report.totals.credits_charged) == (
        3,
        1,
        Decimal("15.4"),
    )
    assert [(line.label, line.totals.credits_charged) for line in report.user_rows] == [
        ("ada", Decimal(10)),
        ("bob", Decimal("5.4")),
    ]
    assert [(line.label, line.totals.count) for line in report.model_rows] == [
        ("Veo 3.1 Pro", 2),
        ("Kling O3", 1),
    ]
    days = {span.first_day.day: span.totals for span in report.periods}
    assert len(days) == 30
    assert days[20].credits_charged == Decimal("15.4")
    assert days[17].failed_count == 1
    assert days[18].count == 0


@pytest.mark.parametrize(
    ("query", "count"),
    [({}, 3), ({"model_ids": [KLING]}, 1), ({"states": ["failed"]}, 1), ({"owner": "bob"}, 2)],
)
def test_the_figures_are_those_of_what_was_chosen(db, query, count):
    ada, bob = UserFactory(username="ada"), UserFactory(username="bob")
    GenerationFactory(owner=ada, state=State.COMPLETED)
    GenerationFactory(owner=bob, state=State.COMPLETED, model_id=KLING)
    GenerationFactory(owner=bob, state=State.FAILED)
    owner = {"bob": bob.pk}.get(query.pop("owner", ""))
    assert build_usage_report(november_filter(owner_id=owner, **query)).totals.count == count


def test_the_last_day_is_counted_to_its_end_and_not_further(db):
    GenerationFactory(created_at=NOW.replace(day=30, hour=23, minute=59, second=59))
    GenerationFactory(created_at=NOW.replace(month=12, day=1, hour=0, minute=0))
    assert build_usage_report(november_filter()).totals.count == 1


def test_a_year_is_told_by_months_that_leave_out_no_day(db):
    GenerationFactory(created_at=NOW, state=State.COMPLETED, credits_charged=7)
    report = build_usage_report(UsageFilter(date(2026, 1, 15), date(2026, 12, 20)))
    assert report.is_monthly
    assert len(report.periods) == 12
    for earlier, later in zip(report.periods, report.periods[1:], strict=False):
        assert later.first_day == earlier.last_day + timedelta(days=1)
    assert report.periods[0].first_day == date(2026, 1, 15)
    assert report.periods[-1].last_day == date(2026, 12, 20)
    assert report.periods[10].totals.credits_charged == 7


def test_many_generations_take_no_more_queries_than_one(db, django_assert_num_queries):
    for _number in range(12):
        GenerationFactory()
    with django_assert_num_queries(7):
        build_usage_report(november_filter())


def test_the_chart_reaches_from_nothing_to_a_round_number(db):
    GenerationFactory(state=State.COMPLETED, credits_charged=Decimal("162"))
    chart = build_chart(build_usage_report(november_filter()).periods, is_monthly=False)
    assert chart.scale_labels == ("200", "100", "0")
    assert len(chart.bars) == 30
    assert chart.bars[19].height == "81.00"
    assert chart.bars[0].height == "0.00"
    assert "20 Nov 2026" in chart.summary


def test_a_period_without_charges_has_a_chart_that_says_so(db):
    chart = build_chart(build_usage_report(november_filter()).periods, is_monthly=False)
    assert chart.summary == "Nothing was charged in this period."


def test_the_page_shows_the_chart_and_the_same_figures_below(staff_client):
    GenerationFactory(state=State.COMPLETED, credits_charged=Decimal("25.7"))
    page = staff_client.get(f"{USAGE_URL}?{NOVEMBER_QUERY}").content.decode()
    assert 'role="img"' in page
    assert "<title>20 Nov 2026: 25.7 credits</title>" in page
    assert page.count("25.7") >= 5
    assert "style=" not in page[page.index("<svg") : page.index("</svg>")]


def test_without_a_choice_the_page_shows_the_last_thirty_days(staff_client):
    page = staff_client.get(USAGE_URL)
    form = page.context["form"]
    assert form.is_valid()
    choice = form.to_filter()
    assert (choice.last_day - choice.first_day).days == 29


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("created_from=2026-11-20&created_to=2026-11-19", "The last day is before the first."),
        ("created_from=2000-01-01&created_to=2026-11-19", "Choose at most ten years."),
        ("created_from=x&created_to=2026-11-19", "Enter a valid date."),
    ],
)
def test_a_period_that_makes_no_sense_shows_no_figures_but_says_why(staff_client, query, words):
    page = staff_client.get(f"{USAGE_URL}?{query}").content.decode()
    assert words in page
    assert "studio-totals" not in page
    assert words in staff_client.get(f"{USAGE_URL}?{query}&as=csv").content.decode()


def test_a_line_leads_to_exactly_its_generations(staff_client):
    ada = UserFactory(username="ada")
    GenerationFactory(owner=ada)
    GenerationFactory()
    page = staff_client.get(f"{USAGE_URL}?{NOVEMBER_QUERY}").content.decode()
    address = f"{GENERATIONS_URL}?{NOVEMBER_LIST_QUERY}&owner__id__exact={ada.pk}"
    assert address.replace("&", "&amp;") in page
    assert staff_client.get(address).context["cl"].result_count == 1


def test_the_csv_has_exactly_the_rows_that_are_filtered(staff_client):
    ada = UserFactory(username="ada")
    own_row = GenerationFactory(
        owner=ada,
        state=State.COMPLETED,
        credits_estimated=Decimal("30"),
        credits_charged=Decimal("25.7"),
    )
    GenerationFactory(state=State.COMPLETED)
    GenerationFactory(owner=ada, created_at=NOW - timedelta(days=60))
    answer = staff_client.get(f"{USAGE_URL}?{NOVEMBER_QUERY}&owner__id__exact={ada.pk}&as=csv")
    head, *rows = read_csv_rows(answer)
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="usage-2026-11-01-2026-11-30.csv"'
    )
    assert len(rows) == 1
    row = dict(zip(head, rows[0], strict=True))
    assert row["id"] == str(own_row.pk)
    assert row["person"] == "ada"
    assert row["created"] == "2026-11-20T12:00:00+00:00"
    assert (row["estimated"], row["reserved"], row["charged"]) == ("30.0000", "", "25.7000")
    assert row["reserved_by_evolink"] == "25.7000"


def test_the_csv_and_the_page_say_the_same_sum(staff_client):
    for amount in ("0.0001", "25.7", "162"):
        GenerationFactory(state=State.COMPLETED, credits_charged=Decimal(amount))
    head, *rows = read_csv_rows(staff_client.get(f"{USAGE_URL}?{NOVEMBER_QUERY}&as=csv"))
    assert sum(Decimal(row[head.index("charged")]) for row in rows) == Decimal("187.7001")
    assert build_usage_report(november_filter()).totals.credits_charged == Decimal("187.7001")


@pytest.mark.parametrize("prefix", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_the_csv_is_a_formula(staff_client, prefix):
    user = UserFactory(username=f"{prefix}sum(1)")
    GenerationFactory(owner=user, prompt=f'{prefix}cmd|" /C calc"!A0', error_code=f"{prefix}x")
    head, row = read_csv_rows(staff_client.get(f"{USAGE_URL}?{NOVEMBER_QUERY}&as=csv"))
    cells = dict(zip(head, row, strict=True))
    for name in ("person", "prompt", "error_code"):
        assert cells[name].startswith(f"'{prefix}")


def test_a_prompt_of_many_lines_stays_one_cell(staff_client):
    GenerationFactory(prompt='one\ntwo, "three"\n=four')
    head, row = read_csv_rows(staff_client.get(f"{USAGE_URL}?{NOVEMBER_QUERY}&as=csv"))
    assert row[head.index("prompt")] == 'one\ntwo, "three"\n=four'


# --- by project --------------------------------------------------------------------------------


@pytest.fixture
def spring(db) -> Project:
    """A project of ada's, for which 12 credits were charged; 5 were without a project."""
    ada, bob = UserFactory(username="ada"), UserFactory(username="bob")
    project = Project.objects.create(owner=ada, name="Spring", client="Acme", created_at=NOW)
    other = Project.objects.create(owner=bob, name="Autumn", created_at=NOW)
    for owner, made_for, amount in ((ada, project, 10), (bob, project, 2), (bob, other, 1)):
        GenerationFactory(
            owner=owner, project=made_for, state=State.COMPLETED, credits_charged=amount
        )
    GenerationFactory(owner=ada, state=State.COMPLETED, credits_charged=5)
    return project


def test_the_money_of_each_project_is_told_and_what_was_for_none(spring):
    rows = build_usage_report(november_filter()).project_rows
    assert [(row.label, row.totals.credits_charged) for row in rows] == [
        ("Acme · Spring (ada)", 12),
        ("No project", 5),
        ("Autumn (bob)", 1),
    ]
    report = build_usage_report(november_filter(project_id=spring.pk))
    assert report.totals.credits_charged == 12
    assert [(row.label, row.totals.credits_charged) for row in report.user_rows] == [
        ("ada", 10),
        ("bob", 2),
    ]
    assert build_usage_report(november_filter(project_id=NO_PROJECT)).totals.credits_charged == 5


def test_the_page_is_filtered_by_project_and_offers_the_others(staff_client, spring):
    page = staff_client.get(f"{USAGE_URL}?{NOVEMBER_QUERY}")
    url = f"{USAGE_URL}?{NOVEMBER_QUERY}&project={spring.pk}"
    assert f'href="{url.replace("&", "&amp;")}"' in page.content.decode()
    page = staff_client.get(url)
    assert dict(page.context["totals"])["Charged"] == "12"
    choices = page.context["form"].fields["project"].widget.choices
    assert [label for _value, label in choices][1:] == [
        "Acme · Spring (ada)",
        "No project",
        "Autumn (bob)",
    ]
    assert f'<option value="{spring.pk}" selected>' in page.content.decode()
    # The list of generations knows no project: no line leads to more than it counts.
    main = page.content.decode().partition('class="studio-page"')[2]
    assert GENERATIONS_URL + "?" not in main
    row = page.context["users"].rows[1]
    answer = staff_client.get(row.url)
    assert dict(answer.context["totals"])["Charged"] == row.cells[0] == "2"
    day = page.context["days"].rows[10]
    assert dict(staff_client.get(day.url).context["totals"])["Charged"] == day.cells[0] == "12"
    without = staff_client.get(f"{USAGE_URL}?{NOVEMBER_QUERY}&project=0")
    assert dict(without.context["totals"])["Charged"] == "5"


def test_a_chosen_project_stays_chosen_where_it_has_nothing(staff_client, spring):
    query = f"created_from=2026-01-01&created_to=2026-01-31&project={spring.pk}"
    page = staff_client.get(f"{USAGE_URL}?{query}").content.decode()
    assert f'<option value="{spring.pk}" selected>Acme · Spring (ada)</option>' in page


@pytest.mark.parametrize("project", ["x", "-1", str(10**30)])
def test_a_project_that_is_none_shows_no_figures(staff_client, spring, project):
    page = staff_client.get(f"{USAGE_URL}?{NOVEMBER_QUERY}&project={project}")
    assert "totals" not in page.context
    assert "project" in page.context["form"].errors


def test_a_project_that_is_unknown_has_nothing(staff_client, spring):
    page = staff_client.get(f"{USAGE_URL}?{NOVEMBER_QUERY}&project={10**6}")
    assert dict(page.context["totals"])["Charged"] == "0"


def test_the_csv_follows_the_project_and_names_it(staff_client, spring):
    url = f"{USAGE_URL}?{NOVEMBER_QUERY}&as=csv"
    head, *rows = read_csv_rows(staff_client.get(f"{url}&project={spring.pk}"))
    charged, project = head.index("charged"), head.index("project")
    assert sorted((row[charged], row[project]) for row in rows) == [
        ("10.0000", "Acme · Spring (ada)"),
        ("2.0000", "Acme · Spring (ada)"),
    ]
    _head, row = read_csv_rows(staff_client.get(f"{url}&project=0"))
    assert (row[charged], row[project]) == ("5.0000", "")
    _head, *rows = read_csv_rows(staff_client.get(url))
    assert len(rows) == 4
