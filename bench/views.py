"""What a poll is compared with."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse


@login_required
def bare(request: HttpRequest) -> HttpResponse:
    """The least that any page of a signed-in person costs: session, person, middleware."""
    return HttpResponse()
