"""A pause in reading while EvoLink answers nothing, and its end."""

from datetime import timedelta

from evolink_studio.worker.circuit_breaker import Breaker
from tests.factories import NOW


def paused(breaker: Breaker, now=NOW) -> float:
    """Seconds from now on in which nothing is read."""
    spans = (span for span in range(121) if not breaker.open(now + timedelta(seconds=span)))
    return next(spans)


def after(count: int) -> Breaker:
    breaker = Breaker()
    for _ in range(count):
        breaker.note(10, 10, NOW)
    return breaker


def test_it_reads_until_several_batches_in_a_row_brought_nothing():
    assert [paused(after(count)) for count in range(4)] == [0, 0, 0, 5]


def test_pauses_double_up_to_a_minute():
    assert [paused(after(count)) for count in range(3, 9)] == [5, 10, 20, 40, 60, 60]


def test_an_outage_of_a_day_is_still_a_pause_of_a_minute():
    assert paused(after(5000)) == 60


def test_one_answer_among_many_ends_it():
    breaker = after(9)
    breaker.note(99, 100, NOW)
    assert paused(breaker) == 0
    breaker.note(10, 10, NOW)
    assert paused(breaker) == 0


def test_a_pause_ends_by_itself_so_that_the_return_is_noticed():
    assert not after(9).open(NOW + timedelta(seconds=60))
