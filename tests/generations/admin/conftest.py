"""The admin pages as the owner, a member of staff and anybody else see them."""

import pytest
from django.test import Client

from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset
from tests.factories import AssetFactory, GenerationFactory, UserFactory

GENERATIONS_URL = "/admin/generations/generation/"
USAGE_URL = f"{GENERATIONS_URL}usage/"


def generation_url(generation: Generation) -> str:
    return f"{GENERATIONS_URL}{generation.pk}/change/"


def create_completed_generation(**fields) -> Generation:
    """A completed generation and its stored film."""
    generation = GenerationFactory(state=State.COMPLETED, **fields)
    asset = AssetFactory(
        owner=generation.owner,
        kind=Asset.Kind.VIDEO,
        origin=Asset.Origin.RESULT,
        format="mp4",
        mime="video/mp4",
        poster="posters/some.webp",
    )
    GeneratedVideo.objects.create(generation=generation, asset=asset, position=0)
    return generation


def client_of(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def owner_client(db) -> Client:
    """The browser of the owner, who may change people and prices."""
    return client_of(UserFactory(owner=True, username="olga"))


@pytest.fixture
def staff_client(db) -> Client:
    """The browser of a member of staff, who may look."""
    return client_of(UserFactory(staff=True, username="sam"))


@pytest.fixture
def user_client(db) -> Client:
    """The browser of a person who makes films."""
    return client_of(UserFactory(username="cleo"))
