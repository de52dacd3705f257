"""Whether a list is short, before it is read."""

import pytest

from evolink_studio.accounts.models import User
from evolink_studio.exports.sources import find_source
from tests.factories import NOW, UserFactory
from tests.history import fill_history
from tests.query_plans import StatementLog

ENTRY_COUNT = 6


@pytest.fixture
def owner(db) -> User:
    """The owner, with a line in the book for each generation."""
    owner = UserFactory(username="anna", first_name="Anna", owner=True)
    fill_history(owner, ENTRY_COUNT, until=NOW)
    return owner


@pytest.mark.parametrize("name", ["ledger", "ledger_generations"])
@pytest.mark.parametrize("query", ["", "q=anna", "kind__exact=settle&kind__exact=reserve"])
def test_a_list_is_longer_than_what_is_less_than_its_rows(owner, name, query):
    rows = find_source(name).build_rows(owner, query)
    assert rows.has_more_than(ENTRY_COUNT - 1)
    assert not rows.has_more_than(ENTRY_COUNT)


def test_a_search_in_the_book_is_decided_by_indexes(owner):
    rows = find_source("ledger").build_rows(owner, "q=anna")
    with StatementLog() as log:
        assert not rows.has_more_than(ENTRY_COUNT)
    assert log.statements
    assert not log.find_walks()
