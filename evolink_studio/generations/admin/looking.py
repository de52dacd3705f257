"""Looking again at generations, from the list, from the page of one and from the callbacks."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evolink_studio.generations import services
from evolink_studio.generations.models import Generation


def look_at(request: HttpRequest, chosen: QuerySet[Generation]) -> None:
    """Ask EvoLink, or copy the film, at once, and say for how many. Free: nothing is sent again."""
    count = services.look_now(chosen=chosen, now=timezone.now())
    if not count:
        nothing = _("Nothing to look at: these have ended, were not sent yet or are in hand now.")
        messages.info(request, nothing)
        return
    done = ngettext(
        "The worker looks at {n} generation now. That is free.",
        "The worker looks at {n} generations now. That is free.",
        count,
    ).format(n=count)
    messages.success(request, done)
