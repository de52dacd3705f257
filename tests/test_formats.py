"""Short dates and moments are written as people who read that language write them."""

import pytest
from django.utils import translation
from django.utils.formats import date_format

from tests.factories import NOW

EXPECTED_TEXTS = {
    ("en", "SHORT_DATE_FORMAT"): "20 Nov 2026",
    ("en", "SHORT_DATETIME_FORMAT"): "20 Nov 2026, 12:00",
    ("de", "SHORT_DATE_FORMAT"): "20.11.2026",
    ("de", "SHORT_DATETIME_FORMAT"): "20.11.2026, 12:00",
    ("de", "TIME_FORMAT"): "12:00:00",
}


@pytest.mark.parametrize(("language", "name"), EXPECTED_TEXTS)
def test_a_moment_is_written_in_the_language_of_the_page(language: str, name: str) -> None:
    with translation.override(language):
        assert date_format(NOW, name) == EXPECTED_TEXTS[language, name]
