import asyncio
from collections.abc import Callable

from evolink_studio.evolink import Deadlines, EvoLink
from evolink_studio.evolink.lanes import WIDTH, Lanes
from tests.answers import Received, Reply, task
from tests.evolink.conftest import asking
from tests.farend import FarEnd


def echo(request: Received) -> Reply:
    return task(id=request.path.rpartition("/")[2])


def reads(count: int) -> Callable[[EvoLink], object]:
    async def read_all(evolink: EvoLink) -> list[str]:
        found = await asyncio.gather(*(evolink.read(f"task-{n}") for n in range(count)))
        return [one.id for one in found]

    return read_all


def test_hundreds_of_reads_at_once_each_get_their_own_answer(far: FarEnd) -> None:
    far.read.always(echo)

    found = asking(reads(400), far.url, deadlines=Deadlines(read=20))

    assert found == [f"task-{n}" for n in range(400)]
    assert far.connections <= 100 * WIDTH


def test_no_more_connections_than_the_lanes_have(far: FarEnd) -> None:
    far.read.always(echo)

    asking(reads(60), far.url, lanes=2)

    assert far.connections <= 2 * WIDTH


def test_a_lane_is_built_only_when_those_before_are_full() -> None:
    async def count() -> list[int]:
        lanes, built = Lanes(3), []
        async with lanes.lane():
            pass
        async with lanes.lane():
            built.append(lanes.built)
        held = [lanes.lane() for _ in range(WIDTH + 1)]
        for lane in held:
            await lane.__aenter__()
        built.append(lanes.built)
        for lane in held:
            await lane.__aexit__(None, None, None)
        await lanes.aclose()
        return [*built, lanes.built]

    assert asyncio.run(count()) == [1, 2, 0]


def test_a_busy_far_end_does_not_eat_the_time_of_the_reads_that_wait_here(far: FarEnd) -> None:
    far.read.always(lambda request: Reply(200, echo(request).body, pause=0.001))

    found = asking(reads(3 * WIDTH), far.url, lanes=1, deadlines=Deadlines(read=1.5))

    assert len(found) == 3 * WIDTH


def test_a_cancelled_read_gives_its_place_back() -> None:
    async def cancel_all() -> int:
        lanes = Lanes(1)

        async def hold() -> None:
            async with lanes.lane():
                await asyncio.Event().wait()

        holders = [asyncio.create_task(hold()) for _ in range(WIDTH)]
        await asyncio.wait(holders, timeout=0)
        for holder in holders:
            holder.cancel()
        await asyncio.wait(holders)
        async with asyncio.timeout(1), lanes.lane():
            return lanes.built

    assert asyncio.run(cancel_all()) == 1
