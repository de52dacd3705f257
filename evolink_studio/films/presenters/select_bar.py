"""What the bar of selected films offers."""

from evolink_studio.accounts.models import User
from evolink_studio.films import order_queries
from evolink_studio.projects.queries import list_usable_projects


def build_select_context(
    user: User, *, match_query: str = "", match_text: str = ""
) -> dict[str, object]:
    """The variables of films/_select_bar.html. Three queries.

    `match_query` is the query of the page's address, and `match_text` how many films it leaves, as
    it is written; "" where the page shows them all.
    """
    return {
        "tag_names": order_queries.list_tag_names(user),
        "collection_names": order_queries.list_collection_names(user),
        "usable_projects": list_usable_projects(user),
        "match_query": match_query,
        "match_text": match_text,
    }
