"""Actions on selected generations, with a message for the admin: refresh and cancel."""

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
    """Make them due now: to be read, searched or downloaded. Free: nothing is sent again."""
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
    """Cancel those that are queued. Returns the cancelled ones."""
    now = timezone.now()
    queued_rows = queryset.filter(state=State.QUEUED).order_by("pk")
    cancelled_generations = [row for row in queued_rows if services.cancel(generation=row, now=now)]
    if not cancelled_generations:
        messages.info(request, _("Nothing to cancel: these were sent, or have ended."))
        return cancelled_generations
    text = ngettext(
        "{n} generation is cancelled. Nothing was sent or charged.",
        "{n} generations are cancelled. Nothing was sent or charged.",
        len(cancelled_generations),
    ).format(n=len(cancelled_generations))
    messages.success(request, text)
    return cancelled_generations
