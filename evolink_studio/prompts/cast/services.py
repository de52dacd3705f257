"""All writes to the cast. Nothing here starts a generation."""

import re
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_noop as _

from evolink_studio.accounts.models import User
from evolink_studio.core.search import fold_text
from evolink_studio.library.models import Asset
from evolink_studio.prompts.cast.tags import NAME_PATTERN
from evolink_studio.prompts.exceptions import InputRejected
from evolink_studio.prompts.models import CastMember

MAX_CAST_MEMBERS = 200  # of one person: a page shows all of them


class CastRejected(InputRejected):
    """Why a cast member is not kept."""


def create_cast_member(
    *,
    owner: User,
    name: str,
    asset: Asset,
    kind: str = CastMember.Kind.PERSON,
    note: str = "",
    now: datetime,
) -> CastMember:
    """Raises CastRejected for a name that is taken or cannot be typed, or no picture."""
    if CastMember.objects.filter(owner=owner).count() >= MAX_CAST_MEMBERS:
        raise CastRejected("name", _("A cast has at most {limit} members."), limit=MAX_CAST_MEMBERS)
    member = CastMember(owner=owner, kind=kind, note=note, created_at=now)
    _set_name(member, name)
    _set_asset(member, asset)
    _save(member)
    return member


def update_cast_member(
    *,
    member: CastMember,
    name: str,
    kind: str,
    note: str = "",
    asset: Asset | None = None,
) -> None:
    """Change a member; without `asset` it keeps its picture. Films made with it stay as they are.

    Raises CastRejected as `create_cast_member`.
    """
    _set_name(member, name)
    if asset is not None:
        _set_asset(member, asset)
    member.kind, member.note = kind, note
    _save(member)


def delete_cast_member(*, member: CastMember) -> None:
    """Take a member out of the cast; its picture stays."""
    member.delete()


def _set_name(member: CastMember, name: str) -> None:
    name = name.strip().removeprefix("@")
    if not re.fullmatch(NAME_PATTERN, name):
        raise CastRejected(
            "name",
            _("A name has 1 to 40 letters, digits or underscores, and no blanks."),
        )
    member.name, member.folded_name = name, fold_text(name)


def _set_asset(member: CastMember, asset: Asset) -> None:
    if asset.kind != Asset.Kind.IMAGE or asset.owner_id != member.owner_id:
        raise CastRejected("file", _("A cast member needs a picture of your own."))
    member.asset = asset


def _save(member: CastMember) -> None:
    try:
        with transaction.atomic():
            member.save()
    except IntegrityError as error:
        raise CastRejected(
            "name", _("@{name} is in your cast already. Choose another name."), name=member.name
        ) from error
