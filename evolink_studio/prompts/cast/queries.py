"""Reads of the cast. One query each."""

from collections.abc import Collection

from django.http import Http404

from evolink_studio.accounts.models import User
from evolink_studio.prompts.models import CastMember


def list_cast(user: User) -> list[CastMember]:
    """All of a person's cast by name, with pictures."""
    return list(CastMember.objects.filter(owner=user).select_related("asset"))


def get_cast_member_or_404(user: User, pk: int) -> CastMember:
    """A member of this person's cast. Raises Http404 otherwise."""
    member = CastMember.objects.filter(owner=user, pk=pk).select_related("asset").first()
    if member is None:
        raise Http404
    return member


def find_cast_members(owner_id: int, folded_names: Collection[str]) -> dict[str, CastMember]:
    """The members with these folded names, by it, with pictures. No query without names."""
    if not folded_names:
        return {}
    members = CastMember.objects.filter(owner_id=owner_id, folded_name__in=folded_names)
    return {member.folded_name: member for member in members.select_related("asset")}


def filter_cast_pictures(asset_ids: Collection[int]) -> set[int]:
    """Those of these files that a cast member is shown with."""
    members = CastMember.objects.filter(asset__in=asset_ids)
    return set(members.values_list("asset_id", flat=True))
