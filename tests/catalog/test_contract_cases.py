"""The requests worked out by hand from the documentation, held against the catalogue."""

import pytest

from evolink_studio.catalog import SPECS, get_spec
from tests.contract import CASES, Case

ACCEPTED = [case for case in CASES if case.accept]
REFUSED = [case for case in CASES if not case.accept]


def as_a_form_sends_it(value):
    """Scalars as strings, the way they come out of an HTML form."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return [as_a_form_sends_it(item) for item in value]
    if isinstance(value, dict):
        return {name: as_a_form_sends_it(item) for name, item in value.items()}
    return str(value) if isinstance(value, int) else value


def entered(case: Case, as_strings: bool):
    fields = as_a_form_sends_it(case.fields) if as_strings else case.fields
    return {**case.raw(), **fields}


def test_all_the_cases_are_read():
    assert len(CASES) == 48
    assert {case.model for case in CASES} == set(SPECS)


@pytest.mark.parametrize("as_strings", [False, True], ids=["values", "strings"])
@pytest.mark.parametrize("case", ACCEPTED, ids=str)
def test_what_the_documentation_allows_is_sent_as_documented(case, as_strings):
    spec = get_spec(case.model)
    checked = spec.check(entered(case, as_strings))
    assert checked.errors == ()
    payload = spec.build_payload(checked.request, case.urls())
    expected = case.expected(case.urls())
    assert {key: payload.get(key) for key in expected} == expected
    assert not set(case.absent) & set(payload)


@pytest.mark.parametrize("as_strings", [False, True], ids=["values", "strings"])
@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_the_documentation_forbids_is_refused_at_its_field(case, as_strings):
    checked = get_spec(case.model).check(entered(case, as_strings))
    assert checked.request is None
    assert {problem.field for problem in checked.errors} == {case.field}
