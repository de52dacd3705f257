"""Decimals where people read them: a comma where their language writes one."""

from decimal import Decimal

import pytest
from django.utils import translation

from evolink_studio.core.formatting import format_clock_tenths, format_seconds
from evolink_studio.films.cut_forms import PartForm
from evolink_studio.films.cut_presenters import format_length
from evolink_studio.sharing.presenters import format_second


@pytest.mark.parametrize(("language", "point"), [("en", "."), ("de", ",")])
def test_seconds_have_the_decimal_point_of_the_language(language, point):
    with translation.override(language):
        assert format_seconds(Decimal(2)) == f"2{point}0 s"
        assert format_clock_tenths(38) == f"0:03{point}8"
        assert format_length(Decimal("14.5")) == f"0:14{point}5"
        assert format_second(Decimal("4.2")) == f"0:04{point}2"


@pytest.mark.parametrize(("language", "text"), [("en", "0.1 s"), ("de", "0,1 s")])
def test_what_is_wrong_with_a_part_is_said_with_it(language, text):
    with translation.override(language):
        form = PartForm({"begin": "1", "end": "1"}, seconds=Decimal("3.8"))
        assert text in form.errors["end"][0]
        late = PartForm({"begin": "1", "end": "9"}, seconds=Decimal("3.8"))
        assert text.replace("0", "3").replace("1", "8") in late.errors["end"][0]
