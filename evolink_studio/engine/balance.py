"""Reading what is left at EvoLink: at most once a minute, by the worker, never by a page."""

from datetime import datetime

from asgiref.sync import sync_to_async

from evolink_studio.credits import services
from evolink_studio.evolink.errors import EvoLinkError, KeyRefused
from evolink_studio.generations.steps.far import Far


async def read_balance(far: Far, *, now: datetime) -> None:
    """One free call, which also tells whether the key is accepted."""
    try:
        balance = await far.client.balance()
    except KeyRefused:
        await sync_to_async(services.record_key_refused)(far_end=far.name, now=now)
    except EvoLinkError as error:
        problem = type(error).__name__
        await sync_to_async(services.record_unreachable)(far_end=far.name, problem=problem, now=now)
    else:
        await sync_to_async(services.record_balance)(
            far_end=far.name, spendable=balance.spendable, now=now
        )
