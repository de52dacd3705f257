"""People, files and generations for tests, made as the studio would have made them."""

import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import factory
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from factory.django import DjangoModelFactory

from evolink_studio.accounts.models import User
from evolink_studio.generations.models import OPEN_CHARGES, Charge, Generation
from evolink_studio.generations.services import compute_fingerprint
from evolink_studio.generations.states import ENDED_STATES, State
from evolink_studio.library.models import Asset
from tests.sample_images import make_image

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
VEO = "veo3.1-pro"


class UserFactory(DjangoModelFactory):
    """A person with the password "secret"."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence("person{}".format)
    email = factory.LazyAttribute(lambda person: f"{person.username}@example.org")
    password = factory.django.Password("secret")

    class Params:
        staff = factory.Trait(is_staff=True)
        owner = factory.Trait(is_staff=True, is_superuser=True)


class AssetFactory(DjangoModelFactory):
    """A file with its bytes. `content` is a picture of its own unless given."""

    class Meta:
        model = Asset
        exclude = ("number", "content")

    number = factory.Sequence(int)
    # No wider than 2.25 to 1: the models that ask for a shape take every one of them.
    content = factory.LazyAttribute(lambda it: make_image(width=320 + it.number % 400, height=320))
    owner = factory.SubFactory(UserFactory)
    kind = Asset.Kind.IMAGE
    origin = Asset.Origin.UPLOAD
    name = factory.LazyAttribute(lambda it: f"file-{it.number}.{it.format}")
    format = "png"
    mime = "image/png"
    width = factory.LazyAttribute(lambda it: 320 + it.number % 400)
    height = 320
    size_bytes = factory.LazyAttribute(lambda it: len(it.content))
    sha256 = factory.LazyAttribute(lambda it: hashlib.sha256(it.content).hexdigest())
    file = factory.LazyAttribute(
        lambda it: default_storage.save(
            f"assets/test/{it.number}.{it.format}", ContentFile(it.content)
        )
    )
    created_at = NOW


class GenerationFactory(DjangoModelFactory):
    """A generation as it stands in its `state`, with everything that belongs to that state."""

    class Meta:
        model = Generation
        exclude = ("number", "was_accepted")

    number = factory.Sequence(int)
    owner = factory.SubFactory(UserFactory)
    model_id = VEO
    prompt = "A cat playing piano"
    params = factory.LazyAttribute(
        lambda it: {"prompt": it.prompt, "quality": "720p", "aspect_ratio": "auto"}
    )
    fingerprint = factory.LazyAttribute(lambda it: compute_fingerprint(it.model_id, it.params))
    state = State.QUEUED
    created_at = NOW
    progressed_at = factory.SelfAttribute("created_at")
    next_attempt_at = factory.LazyAttribute(
        lambda it: None if _is_never_due(it.state) else it.created_at
    )
    expected_seconds = 180
    credits_estimated = Decimal("162.0000")

    was_accepted = factory.LazyAttribute(
        lambda it: it.state not in (State.QUEUED, State.SENDING, State.UNKNOWN, State.CANCELLED)
    )
    task_id = factory.LazyAttribute(lambda it: f"task-{it.number:08d}" if it.was_accepted else None)
    sent_at = factory.LazyAttribute(
        lambda it: None if it.state in (State.QUEUED, State.CANCELLED) else it.created_at
    )
    accepted_at = factory.LazyAttribute(lambda it: it.created_at if it.was_accepted else None)
    credits_reserved = factory.LazyAttribute(
        lambda it: Decimal("25.7") if it.was_accepted else None
    )
    credits_charged = factory.LazyAttribute(lambda it: _CREDITS_CHARGED.get(it.state))
    charge = factory.LazyAttribute(lambda it: _CHARGE_BY_STATE[it.state])
    credits_held = factory.LazyAttribute(lambda it: _find_held_credits(it))
    finished_at = factory.LazyAttribute(
        lambda it: it.created_at + timedelta(minutes=3) if it.state in ENDED_STATES else None
    )
    accounted_at = factory.LazyAttribute(
        lambda it: it.finished_at or it.created_at if it.charge == Charge.CHARGED else it.created_at
    )


_CREDITS_CHARGED = {
    State.SAVING: Decimal("25.7"),
    State.COMPLETED: Decimal("25.7"),
    State.FAILED: Decimal(0),
}
_CHARGE_BY_STATE = {
    State.QUEUED: Charge.NONE,
    State.SENDING: Charge.NONE,
    State.UNKNOWN: Charge.UNCLEAR,
    State.RUNNING: Charge.RESERVED,
    State.SAVING: Charge.CHARGED,
    State.COMPLETED: Charge.CHARGED,
    State.FAILED: Charge.RETURNED,
    State.CANCELLED: Charge.NONE,
}


def _find_held_credits(it) -> Decimal | None:
    """What a press reserved and EvoLink has neither charged nor returned."""
    is_open = it.state in (State.QUEUED, State.SENDING) or it.charge in OPEN_CHARGES
    if not is_open:
        return None
    return it.credits_estimated if it.credits_reserved is None else it.credits_reserved


def _is_never_due(state: str) -> bool:
    return state in ENDED_STATES or state == State.UNKNOWN
