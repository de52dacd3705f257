"""The request of a person who is signed in, for type checking of views."""

from django.http import HttpRequest

from evolink_studio.accounts.models import User


class AuthenticatedHttpRequest(HttpRequest):
    """`@login_required` stands before every view that takes this."""

    user: User
