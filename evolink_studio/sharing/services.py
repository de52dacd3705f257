"""All writes to shares and to what guests answer. Nothing here costs credits."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Q

from evolink_studio.accounts.models import User
from evolink_studio.generations.models import Generation
from evolink_studio.sharing.models import Comment, Share, SharedFilm
from evolink_studio.sharing.queries import find_shareable
from evolink_studio.sharing.signals import share_answered
from evolink_studio.sharing.tokens import create_token, hash_token

LIFETIME_DAYS = (1, 7, 30, 90)
DEFAULT_DAYS = 7
MAX_FILMS = 20
MAX_COMPARED_FILMS = 4
MAX_COMMENTS = 300  # of one share


class FilmsNotShareable(Exception):
    """Some of the films are not there, are in the trash, or have nothing to show."""


class ShareTooLarge(Exception):
    """More films than one share may have."""


class ShareFull(Exception):
    """The share has MAX_COMMENTS answers."""


class ShareClosed(Exception):
    """The share ended or was revoked."""


def create_share(
    *,
    owner: User,
    generation_ids: Sequence[int],
    title: str = "",
    days: int = DEFAULT_DAYS,
    has_prompt: bool = False,
    is_comparison: bool = False,
    now: datetime,
) -> tuple[Share, str]:
    """Make a link to these films, open for so many days. (share, token): the token is not stored.

    Raises FilmsNotShareable unless all of them can be shared, and ShareTooLarge.
    """
    ids = list(dict.fromkeys(generation_ids))
    if len(ids) > (MAX_COMPARED_FILMS if is_comparison else MAX_FILMS):
        raise ShareTooLarge
    generations = find_shareable(owner, ids)
    if not ids or len(generations) < len(ids):
        raise FilmsNotShareable
    token = create_token()
    with transaction.atomic():
        share = Share.objects.create(
            owner=owner,
            token_hash=hash_token(token),
            title=title,
            has_prompt=has_prompt,
            is_comparison=is_comparison and len(ids) > 1,
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        SharedFilm.objects.bulk_create(
            SharedFilm(share=share, generation=generation, position=position)
            for position, generation in enumerate(generations, start=1)
        )
    return share, token


def renew_link(*, share: Share, now: datetime) -> str:
    """Make a new link to the same films and answers; the old one ends. Returns the new token.

    A share that had ended or was revoked is open again, for DEFAULT_DAYS.
    """
    token = create_token()
    is_open = share.get_state(now) == Share.State.OPEN
    share.token_hash = hash_token(token)
    share.revoked_at = None
    share.expires_at = share.expires_at if is_open else now + timedelta(days=DEFAULT_DAYS)
    share.save(update_fields=["token_hash", "revoked_at", "expires_at"])
    return token


def revoke_share(*, share: Share, now: datetime) -> bool:
    """End the link at once. False when it was revoked before."""
    return bool(Share.objects.filter(pk=share.pk, revoked_at=None).update(revoked_at=now))


def extend_share(*, share: Share, days: int, now: datetime) -> bool:
    """Keep the link open until so many days from now; an ended one works again.

    It never ends earlier than before. False for a revoked one.
    """
    expires_at = now + timedelta(days=days)
    rows = Share.objects.filter(pk=share.pk, revoked_at=None)
    with transaction.atomic():
        rows.filter(expires_at__lt=expires_at).update(expires_at=expires_at)
        return rows.exists()


def mark_seen(*, share: Share, now: datetime) -> None:
    """The owner looks at the answers: those until now are no longer new."""
    if share.has_new_answers:
        Share.objects.filter(pk=share.pk).update(seen_at=now)


def record_answer(
    *,
    share: Share,
    generation: Generation | None,
    guest_name: str,
    text: str,
    second: Decimal | None = None,
    verdict: str = "",
    press_key: str = "",
    now: datetime,
) -> Comment:
    """Store what a guest said. Tells `share_answered`.

    A `press_key` that the share has already is a press that was repeated: then the answer is the
    stored one, and nothing is told again.

    A `verdict` is about the film of `generation`, one of the share's, or without it about all of
    them; `second` is a time of that film, which a verdict does not keep. Raises ShareClosed or
    ShareFull.
    """
    with transaction.atomic():
        # Two answers at once are counted one after the other.
        if _lock_open(share, now) is None:
            raise ShareClosed
        if press_key:
            stored = Comment.objects.filter(share=share, press_key=press_key).first()
            if stored is not None:
                return stored
        if Comment.objects.filter(share=share).count() >= MAX_COMMENTS:
            raise ShareFull
        comment = Comment.objects.create(
            share=share,
            generation=generation,
            guest_name=guest_name,
            text=text,
            second=second if generation is not None and not verdict else None,
            verdict=verdict,
            created_at=now,
            press_key=press_key,
        )
        share.answered_at = now
        share.verdict = verdict or share.verdict
        share.save(update_fields=["answered_at", "verdict"] if verdict else ["answered_at"])
        share_answered.send(Share, share=share, comment=comment)
    return comment


def delete_comment(*, share: Share, comment_id: int) -> bool:
    """Delete an answer; what was decided before it counts again. False when it is not there."""
    with transaction.atomic():
        Share.objects.select_for_update().get(pk=share.pk)
        if not Comment.objects.filter(share=share, pk=comment_id).delete()[0]:
            return False
        decided = Comment.objects.filter(~Q(verdict=""), share=share).order_by("-pk")
        verdict = decided.values_list("verdict", flat=True).first() or ""
        Share.objects.filter(pk=share.pk).update(verdict=verdict)
    return True


def _lock_open(share: Share, now: datetime) -> Share | None:
    return Share.objects.open(now).select_for_update(of=("self",)).filter(pk=share.pk).first()
