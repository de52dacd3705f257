"""A pause in reading while EvoLink answers nothing, and its end."""

from datetime import timedelta

from evolink_studio.worker.circuit_breaker import CircuitBreaker
from tests.factories import NOW


def pause_seconds(breaker: CircuitBreaker, now=NOW) -> float:
    """Seconds from now on in which nothing is read."""
    open_seconds = (
        seconds for seconds in range(121) if not breaker.is_open(now + timedelta(seconds=seconds))
    )
    return next(open_seconds)


def breaker_after_failures(count: int) -> CircuitBreaker:
    breaker = CircuitBreaker()
    for _ in range(count):
        breaker.record(10, 10, NOW)
    return breaker


def test_it_reads_until_several_batches_in_a_row_brought_nothing():
    assert [pause_seconds(breaker_after_failures(count)) for count in range(4)] == [0, 0, 0, 5]


def test_pauses_double_up_to_a_minute():
    assert [pause_seconds(breaker_after_failures(count)) for count in range(3, 9)] == [
        5,
        10,
        20,
        40,
        60,
        60,
    ]


def test_an_outage_of_a_day_is_still_a_pause_of_a_minute():
    assert pause_seconds(breaker_after_failures(5000)) == 60


def test_one_answer_among_many_ends_it():
    breaker = breaker_after_failures(9)
    breaker.record(99, 100, NOW)
    assert pause_seconds(breaker) == 0
    breaker.record(10, 10, NOW)
    assert pause_seconds(breaker) == 0


def test_a_pause_ends_by_itself_so_that_the_return_is_noticed():
    assert not breaker_after_failures(9).is_open(NOW + timedelta(seconds=60))
