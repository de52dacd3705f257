"""The requests worked out by hand from the documentation, compared with the catalogue."""

import pytest

from evolink_studio.catalog import SPECS, get_spec
from tests.contract_cases import CASES, ContractCase

ACCEPTED = [case for case in CASES if case.is_accepted]
REJECTED = [case for case in CASES if not case.is_accepted]


def to_form_value(value):
    """Scalars as strings, the way they come out of an HTML form."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return [to_form_value(item) for item in value]
    if isinstance(value, dict):
        return {name: to_form_value(item) for name, item in value.items()}
    return str(value) if isinstance(value, int) else value


def form_values(case: ContractCase, as_strings: bool):
    fields = to_form_value(case.fields) if as_strings else case.fields
    return {**case.raw_values(), **fields}


def test_every_model_has_cases_of_both_kinds():
    assert {case.model_id for case in ACCEPTED} == set(SPECS)
    assert {case.model_id for case in REJECTED} == set(SPECS)


@pytest.mark.parametrize("as_strings", [False, True], ids=["values", "strings"])
@pytest.mark.parametrize("case", ACCEPTED, ids=str)
def test_what_the_documentation_allows_is_sent_as_documented(case, as_strings):
    spec = get_spec(case.model_id)
    evaluation = spec.evaluate(form_values(case, as_strings))
    assert evaluation.errors == ()
    payload = spec.build_payload(evaluation.request, case.picture_urls())
    expected = case.expected_payload(case.picture_urls())
    assert {key: payload.get(key) for key in expected} == expected
    assert not set(case.absent) & set(payload)


@pytest.mark.parametrize("as_strings", [False, True], ids=["values", "strings"])
@pytest.mark.parametrize("case", REJECTED, ids=str)
def test_what_the_documentation_forbids_is_refused_at_its_field(case, as_strings):
    evaluation = get_spec(case.model_id).evaluate(form_values(case, as_strings))
    assert evaluation.request is None
    assert {problem.field for problem in evaluation.errors} == {case.error_field}
