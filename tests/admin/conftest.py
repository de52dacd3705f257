"""The admin pages as the owner, a member of staff and anybody else see them."""

import pytest
from django.test import Client

from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset
from tests.factories import AssetFactory, GenerationFactory, UserFactory

LIST = "/admin/generations/generation/"
USAGE = f"{LIST}usage/"


def page_of(generation: Generation) -> str:
    return f"{LIST}{generation.pk}/change/"


def with_film(**given) -> Generation:
    """A completed generation and its kept film."""
    generation = GenerationFactory(state=State.COMPLETED, **given)
    film = AssetFactory(
        owner=generation.owner,
        kind=Asset.Kind.VIDEO,
        origin=Asset.Origin.RESULT,
        format="mp4",
        mime="video/mp4",
        poster="posters/some.webp",
    )
    GeneratedVideo.objects.create(generation=generation, asset=film, position=0)
    return generation


def as_person(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def owner(db) -> Client:
    """The browser of the owner, who may change people and prices."""
    return as_person(UserFactory(owner=True, username="olga"))


@pytest.fixture
def staff(db) -> Client:
    """The browser of a member of staff, who may look."""
    return as_person(UserFactory(staff=True, username="sam"))


@pytest.fixture
def creator(db) -> Client:
    """The browser of a person who makes films."""
    return as_person(UserFactory(username="cleo"))
