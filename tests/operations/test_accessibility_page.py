"""The page that says how the studio meets WCAG 2.2: every test that it names is there."""

import re
from pathlib import Path

import pytest
from django.urls import reverse

from evolink_studio.operations.accessibility import list_criteria
from tests.factories import UserFactory

TESTS = Path(__file__).resolve().parents[1]
WITHOUT_TEST = {"by hand", "not applicable"}


def list_test_names() -> set[str]:
    sources = (path.read_text("utf-8") for path in TESTS.rglob("test_*.py"))
    return {name for source in sources for name in re.findall(r"def (test_\w+)", source)}


def test_every_test_that_it_names_is_there():
    named = {criterion.test for criterion in list_criteria()} - WITHOUT_TEST
    assert named
    assert named <= list_test_names()


def test_it_has_every_criterion_of_level_a_and_aa():
    numbers = [criterion.name.split()[0] for criterion in list_criteria()]
    assert len(numbers) == len(set(numbers)) == 55  # WCAG 2.2, 2023-10-05: 31 of A, 24 of AA
    levels = [criterion.level for criterion in list_criteria()]
    assert (levels.count("A"), levels.count("AA")) == (31, 24)


def test_the_page_says_that_its_table_is_english(client):
    page = client.get(reverse("accessibility"), headers={"Accept-Language": "de"})
    content = page.content.decode()
    assert '<html lang="de"' in content
    assert content.index('lang="en"') < content.index("1.1.1 Non-text content")


@pytest.mark.django_db
def test_every_page_leads_to_it(client):
    client.force_login(UserFactory())
    link = f'href="{reverse("accessibility")}"'
    for name in ("films", "month", "notifications", "preferences"):
        assert link in client.get(reverse(name)).content.decode()
    client.logout()
    assert link in client.get(reverse("account_login")).content.decode()
