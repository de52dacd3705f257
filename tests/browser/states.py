"""What a person finds in every state, and rows in these states."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from playwright.sync_api import Page

from evolink_studio.generations.models import Charge, GeneratedVideo, Generation
from evolink_studio.generations.states import State
from tests.browser.conftest import LiveStudio
from tests.factories import VEO, AssetFactory, GenerationFactory
from tests.sample_videos import make_video

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
REUSE_SETTINGS = "Use these settings"
TAKE_BACK = "Take back and change"


@dataclass(frozen=True)
class ExpectedCard:
    """A state: its row at a moment, and what a person then reads and may press."""

    name: str
    state: State
    label: str | Promise
    selected_texts: tuple[str, ...]
    list_texts: tuple[str, ...]
    charge_text: str
    actions: tuple[str, ...]
    build_columns: Callable[[datetime], dict[str, object]] = lambda now: {}

    def __str__(self) -> str:
        return self.name


EXPECTED_CARDS = (
    ExpectedCard(
        "waiting",
        State.QUEUED,
        State.QUEUED.label,
        ("The studio makes at most 3 of yours at a time: 1 goes first, then this one is sent",),
        ("next",),
        "Nothing is charged yet; about 162 credits once it is sent.",
        (TAKE_BACK, "Cancel"),
    ),
    ExpectedCard(
        "waiting for EvoLink",
        State.QUEUED,
        State.QUEUED.label,
        ("EvoLink cannot be reached. Nothing was sent yet.", "We try again by ourselves"),
        ("EvoLink cannot be reached.",),
        "Nothing is charged yet; about 162 credits once it is sent.",
        (TAKE_BACK, "Cancel"),
        lambda now: {"error_code": "unreachable"},
    ),
    ExpectedCard(
        "sending",
        State.SENDING,
        State.SENDING.label,
        ("Sending it to EvoLink…",),
        ("Sending it to EvoLink…",),
        "About 162 credits will be reserved as soon as EvoLink accepts it.",
        (REUSE_SETTINGS, "Stop watching"),
    ),
    ExpectedCard(
        "unknown",
        State.UNKNOWN,
        State.UNKNOWN.label,
        (
            "This was sent, but EvoLink's answer was lost.",
            "We are looking for it at EvoLink. We never send it again by ourselves",
        ),
        ("EvoLink's answer was lost",),
        "Whether 162 credits are charged is not clear yet.",
        (REUSE_SETTINGS, "Stop watching"),
        lambda now: {"next_attempt_at": now},
    ),
    ExpectedCard(
        "accepted",
        State.RUNNING,
        State.RUNNING.label,
        ("0 % · usually 3 minutes", "about 3 minutes left"),
        ("0 % · usually 3 minutes",),
        "EvoLink accepted it; 25.7 credits are reserved.",
        (REUSE_SETTINGS, "Stop watching"),
    ),
    ExpectedCard(
        "running, but nothing moves",
        State.RUNNING,
        State.RUNNING.label,
        ("62 %", "this one takes longer", "No change for 6 minutes; models often pause like this."),
        ("62 %", "No change for 6 minutes"),
        "EvoLink accepted it; 25.7 credits are reserved.",
        (REUSE_SETTINGS, "Stop watching"),
        lambda now: {
            "progress": 62,
            "progressed_at": now - 6 * MINUTE,
            "created_at": now - 8 * MINUTE,
        },
    ),
    ExpectedCard(
        "stalled",
        State.RUNNING,
        gettext_lazy("No news"),
        (
            "No news from EvoLink for 20 minutes.",
            "We look again every 2 to 5 minutes",
            "Nothing more will be charged for waiting.",
        ),
        ("No news from EvoLink for 20 minutes.",),
        "EvoLink accepted it; 25.7 credits are reserved.",
        (REUSE_SETTINGS, "Stop watching"),
        lambda now: {
            "progress": 95,
            "stalled_since": now - 20 * MINUTE,
            "created_at": now - 25 * MINUTE,
        },
    ),
    ExpectedCard(
        "saving",
        State.SAVING,
        State.SAVING.label,
        ("Made. Copying it to this server…", "EvoLink keeps it for 5 more hours."),
        ("Made. Copying it", "link, 5 h left"),
        "link, 5 h left 25.7 credits were charged.",
        (REUSE_SETTINGS, "Stop watching"),
        lambda now: {"results_expire_at": now + 5 * HOUR + MINUTE},
    ),
    ExpectedCard(
        "saving, with trouble",
        State.SAVING,
        State.SAVING.label,
        ("this server's disk is full", "We keep trying. EvoLink keeps it for 5 more hours."),
        ("this server's disk is full",),
        "link, 5 h left 25.7 credits were charged.",
        (REUSE_SETTINGS, "Stop watching"),
        lambda now: {"results_expire_at": now + 5 * HOUR + MINUTE, "error_code": "disk_full"},
    ),
    ExpectedCard(
        "done",
        State.COMPLETED,
        State.COMPLETED.label,
        ("estimated 162 → reserved 25.7 → charged 25.7",),
        ("Automatic · 720p · 8 s · Veo 3.1 Pro",),
        "Saved here 25.7 credits were charged.",
        (
            "Download",
            "Use this frame",
            "Continue from the end",
            "Open the film",
            REUSE_SETTINGS,
        ),
    ),
    ExpectedCard(
        "failed, to be tried again",
        State.FAILED,
        State.FAILED.label,
        ("EvoLink had a problem while making this.", "Sending it again is a new paid generation."),
        ("EvoLink had a problem", "Sending it again is a new paid generation."),
        "Not charged: 25.7 credits were returned.",
        ("Try again",),
        lambda now: {"error_code": "service_error"},
    ),
    ExpectedCard(
        "failed, to be changed",
        State.FAILED,
        State.FAILED.label,
        ("against EvoLink's content policy", "Change the prompt or the pictures"),
        ("against EvoLink's content policy",),
        "Not charged: 25.7 credits were returned.",
        ("Change and try again",),
        lambda now: {"error_code": "content_policy_violation"},
    ),
    ExpectedCard(
        "failed, and charged",
        State.FAILED,
        State.FAILED.label,
        ("EvoLink could not make this.", "Ask the owner of this studio about a refund."),
        ("EvoLink could not make this.",),
        "20 credits were charged all the same.",
        ("Change and try again",),
        lambda now: {
            "charge": Charge.CHARGED,
            "credits_charged": Decimal(20),
            "error_code": "odd_17",
        },
    ),
    ExpectedCard(
        "refund unclear",
        State.FAILED,
        State.FAILED.label,
        ("EvoLink had a problem", "The owner of this studio has it in the list of money to check."),
        ("EvoLink had a problem",),
        "Whether its 25.7 reserved credits came back is not clear yet.",
        ("Try again",),
        lambda now: {
            "charge": Charge.UNCLEAR,
            "credits_charged": None,
            "error_code": "service_error",
        },
    ),
    ExpectedCard(
        "expired",
        State.FAILED,
        gettext_lazy("Expired"),
        ("its link ended before it could be copied here", "make it again with the same settings"),
        ("its link ended",),
        "25.7 credits were charged all the same.",
        ("Make it again",),
        lambda now: {
            "charge": Charge.CHARGED,
            "credits_charged": Decimal("25.7"),
            "error_code": "film_lost",
        },
    ),
    ExpectedCard(
        "cancelled",
        State.CANCELLED,
        State.CANCELLED.label,
        ("Cancelled before it was sent.",),
        ("Cancelled before it was sent.",),
        "Nothing was charged.",
        (REUSE_SETTINGS,),
    ),
)


def get_expected_card(name: str) -> ExpectedCard:
    return next(expected for expected in EXPECTED_CARDS if expected.name == name)


def create_generation_as(
    studio: LiveStudio, expected: ExpectedCard, tmp_path: Path, **fields: object
) -> Generation:
    now = timezone.now()
    columns = {"created_at": now, **expected.build_columns(now), **fields}
    generation = GenerationFactory(owner=studio.owner, state=expected.state, **columns)
    if expected.state == State.COMPLETED:
        seconds = 1 + generation.pk % 2  # no two files of a person are the same
        content = make_video(tmp_path / f"{generation.pk}.mp4", seconds=seconds).read_bytes()
        asset = AssetFactory(
            owner=studio.owner, kind="video", format="mp4", mime="video/mp4", content=content
        )
        asset.poster = AssetFactory(owner=studio.owner).file
        asset.save()
        GeneratedVideo.objects.create(generation=generation, asset=asset, position=0)
    return generation


def open_generation(page: Page, studio: LiveStudio, generation: Generation) -> None:
    page.goto(studio.build_url(f"/create/{VEO}/?show={generation.pk}"))
