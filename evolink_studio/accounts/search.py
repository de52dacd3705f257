"""People by a piece of their names, for the searches of lists about their work."""

from collections.abc import Iterator
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet
from django.db.models.functions import Length

from evolink_studio.accounts.models import User
from evolink_studio.core.search import fold_text
from evolink_studio.core.term_search import Meaning

PERSON_COLUMNS = ("username", "first_name", "last_name", "email")
MAX_MERGED_PEOPLE = 20  # more of them share a branch


def find_people(term: str) -> QuerySet[User]:
    """Those with this piece in a name or the e-mail address, whatever its case."""
    condition = reduce(or_, (Q(**{f"{column}__folded": term}) for column in PERSON_COLUMNS))
    return User.objects.filter(condition).order_by()


def mean_people(term: str, path: str) -> Iterator[Meaning]:
    """What the term means as a name of whom the relation `path` leads to. One query.

    Who has exactly this user name or address is meant alone: “person3” is not “person30”, too.
    """
    people = find_people(term)
    by_length = people.order_by(Length("username"), "pk")  # a name in full comes before longer ones
    found = list(by_length.values_list("pk", "username", "email")[: MAX_MERGED_PEOPLE + 1])
    folded_term = fold_text(term)
    named = [pk for pk, *names in found if folded_term in map(fold_text, names)]
    pks = named or [pk for pk, *_names in found]
    if len(pks) > MAX_MERGED_PEOPLE:
        yield Meaning(Q(**{f"{path}__in": people.values("pk")}))
    else:
        yield from (Meaning(Q(**{path: pk})) for pk in pks)
