"""Looking again at generations, or cancelling them, from the lists and from the page of one."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evolink_studio.generations import services
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State


def refresh_selected(request: HttpRequest, queryset: QuerySet[Generation]) -> None:
    """Ask EvoLink, or copy the film, at once, and say for how many. Free: nothing is sent again."""
    count = services.refresh_now(queryset=queryset, now=timezone.now())
    if not count:
        notice = _("Nothing to look at: these have ended, were not sent yet or are in hand now.")
        messages.info(request, notice)
        return
    confirmation = ngettext(
        "The worker looks at {n} generation now. That is free.",
        "The worker looks at {n} generations now. That is free.",
        count,
    ).format(n=count)
    messages.success(request, confirmation)


def cancel_selected(request: HttpRequest, queryset: QuerySet[Generation]) -> list[Generation]:
    """Take back what was not sent yet, and say how many that were. Returns them."""
    now = timezone.now()
    waiting = queryset.filter(state=State.QUEUED).order_by("pk")
    cancelled = [row for row in waiting if services.cancel(generation=row, now=now)]
    if not cancelled:
        messages.info(request, _("Nothing to cancel: these were sent, or have ended."))
        return cancelled
    text = ngettext(
        "{n} generation is cancelled. Nothing was sent or charged.",
        "{n} generations are cancelled. Nothing was sent or charged.",
        len(cancelled),
    ).format(n=len(cancelled))
    messages.success(request, text)
    return cancelled
