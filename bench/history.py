"""Months of work of many people, to see how cost grows. Django uses the wanted, empty database.

`STUDIO_DATA=… python -m bench.history 100000` fills a migrated studio, never one that holds work.
Only rows are written, no files. They keep every constraint and the rules of the ledger, so
`manage.py check_ledger` finds nothing. 1 000 000 generations take about 4 minutes of processor time
and 3 GB of disk.

The people are person0 … person49; person0 is the owner and makes the most. All sign in with
`PASSWORD`. The newest generations are under way, so no worker may run on it unless its provider is
the sandbox or a scripted one. Equal arguments give equal rows, but for the clock.
"""

import argparse
import hashlib
import heapq
import itertools
import json
import os
import random
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from django.db import models

    from evolink_studio.accounts.models import User
    from evolink_studio.credits.models import Allowance

PASSWORD = "correct-horse-battery-9"
BATCH_SIZE = 20_000
DAYS_PER_MONTH = 30.4
UNITS_PER_CREDIT = 10_000  # as CreditsField stores them


class ModelUsage(NamedTuple):
    """How one AI model is used. `credits` are per second, `task_seconds` what a task takes."""

    model_id: str
    weight: int
    durations: tuple[int, ...]
    credits: float
    task_seconds: int
    picture_share: float


MODELS = (
    ModelUsage("doubao-seedance-1.0-pro-fast", 40, (4, 5, 8, 10, 12), 0.9, 60, 0.3),
    ModelUsage("kling-o3-image-to-video", 22, (3, 5, 8, 10), 5.4, 190, 1.0),
    ModelUsage("grok-imagine-text-to-video", 18, (6, 10, 15), 1.36, 45, 0.0),
    ModelUsage("sora-2-preview", 12, (4, 8), 5.76, 170, 0.2),
    ModelUsage("veo3.1-pro", 8, (8,), 20.25, 210, 0.3),
)
SUBJECTS = (
    "a paper boat", "an old lighthouse keeper", "two foxes", "a red tram", "a glass of tea",
    "a ceramic robot", "the skyline of a harbour town", "a ballet dancer", "a stall of lemons",
    "a sleeping cat", "an astronaut", "a herd of wild horses", "a potter's hands", "a folded map",
    "ein kleiner Drache", "eine Straßenbahn im Regen", "a child with a kite", "our new shoe",
)  # fmt: skip
ACTIONS = (
    "drifts down a rainy street", "looks slowly into the camera", "waits at the edge of a lake",
    "turns in warm morning light", "crosses a narrow bridge", "rises out of the fog", "falls apart",
    "is lifted by the wind", "wanders through tall grass", "läuft durch eine enge Gasse",
)  # fmt: skip
MOODS = (
    "at dusk", "in the first snow", "under neon signs", "with long shadows", "in soft rain",
    "as in a film of the seventies", "seen from above", "in extreme close-up", "bei Nacht",
)  # fmt: skip
DETAILS = (
    "The camera glides backwards and keeps the subject in the middle.", "Shallow depth of field.",
    "Lanterns are mirrored in the water.", "Handheld, slightly shaky, natural colours.",
    "No text, no logos.", "Slow motion at the end.", "The light changes from blue to gold.",
    "Dust hangs in the air and catches the sun.", "Product stands still, the background moves.",
)  # fmt: skip
FAILURES = (
    ("content_policy_violation", "The request was rejected by the content policy."),
    ("service_error", "The upstream service failed."),
    ("generation_timeout", "The task took too long."),
)
# By state: what is known about the money, and where it ends in the ledger.
CHARGES = {
    "queued": "none",
    "sending": "none",
    "running": "reserved",
    "unknown": "unclear",
    "saving": "charged",
    "completed": "charged",
    "failed": "returned",
    "cancelled": "none",
}
ENDED_STATES = frozenset({"completed", "failed", "cancelled"})
UNACCEPTED_STATES = frozenset({"queued", "cancelled", "sending", "unknown"})
SIZE_BY_RATIO = {"16:9": (1280, 720), "9:16": (720, 1280), "1:1": (960, 960)}
STARRED_SHARE = 0.04
LABELLED_SHARE = 0.1
SILENT_CREDITS = 1.5  # per second; dearer models make sound
PROJECTS_PER_PERSON = 6
UNCLEAR_FAILURE_SHARE = 0.002
REJECTED_CALLBACK_SHARE = 0.0005
GENERATIONS_PER_LOST_ANSWER = 10_000


@dataclass(frozen=True)
class HistorySize:
    """How much history: `generation_count` of `user_count` people over `months`."""

    generation_count: int
    user_count: int = 50
    months: int = 18
    running_count: int = 100
    seed: int = 1


class TableWriter:
    """Rows of several tables, written in batches in the order in which the tables were added."""

    def __init__(self) -> None:
        from django.db import connection

        connection.ensure_connection()
        self.is_sqlite = connection.vendor == "sqlite"
        self.row_counts: dict[str, int] = defaultdict(int)
        self._connection = connection
        self._columns: dict[str, list[str]] = {}
        self._rows: dict[str, list[Sequence[Any]]] = defaultdict(list)
        if self.is_sqlite:
            for pragma in ("synchronous=OFF", "cache_size=-1000000", "wal_autocheckpoint=20000"):
                self._connection.connection.execute(f"PRAGMA {pragma}")

    def add_table(self, model: "type[models.Model]", *names: str) -> str:
        """Say which fields the rows have, in their order. Returns the name for `add`."""
        table = model._meta.db_table
        fields = [cast("models.Field[Any, Any]", model._meta.get_field(name)) for name in names]
        self._columns[table] = [str(field.column) for field in fields]
        return table

    def add(self, table: str, row: Sequence[Any]) -> None:
        self._rows[table].append(row)

    def write(self) -> None:
        """Write what was added since the last time."""
        raw = self._connection.connection
        if self.is_sqlite:
            raw.execute("BEGIN IMMEDIATE")
        for table, columns in self._columns.items():
            rows = self._rows.pop(table, [])
            self.row_counts[table] += len(rows)
            names = ", ".join(f'"{name}"' for name in columns)
            if self.is_sqlite:
                marks = ", ".join("?" * len(columns))
                raw.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)
            elif rows:
                statement = f'COPY "{table}" ({names}) FROM STDIN'
                with raw.cursor() as cursor, cursor.copy(statement) as copy:
                    for row in rows:
                        copy.write_row(row)
        if self.is_sqlite:
            raw.execute("COMMIT")

    def finish(self) -> None:
        """What the studio's own writes would have left: safe commits, sequences, statistics."""
        with self._connection.cursor() as cursor:
            if self.is_sqlite:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            else:
                for table in self._columns:
                    cursor.execute(
                        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "
                        f'(SELECT COALESCE(MAX(id), 1) FROM "{table}"))'
                    )
                cursor.execute("ANALYZE")
        self._connection.close()

    def to_moment(self, value: datetime | None) -> Any:
        if value is None or not self.is_sqlite:
            return value
        return value.replace(tzinfo=None).isoformat(" ")

    def to_day(self, value: date) -> Any:
        return value.isoformat() if self.is_sqlite else value

    def to_uuid(self, value: uuid.UUID) -> Any:
        return value.hex if self.is_sqlite else value


@dataclass
class Balance:
    """A balance while its entries are written."""

    id: int
    allowance: "Allowance"
    user_id: int | None
    period_start: date
    reserved: int = 0
    charged: int = 0

    @property
    def limit(self) -> int | None:
        limit = self.allowance.credits_limit
        return None if limit is None else int(limit) * UNITS_PER_CREDIT


@dataclass
class Ledger:
    """Balances, reservations and entries; each event is booked in the order of its time."""

    writer: TableWriter
    balances: dict[tuple[int, int | None, date], Balance] = field(default_factory=dict)
    entries: list[tuple[Any, ...]] = field(default_factory=list)
    reservations: list[tuple[Any, ...]] = field(default_factory=list)
    # (moment, order, generation id, balances, kind, reserved delta, charged delta)
    _later: list[tuple[datetime, int, int, list[Balance], str, int, int]] = field(
        default_factory=list
    )

    def get_balance(self, allowance: "Allowance", user_id: int, moment: datetime) -> Balance:
        from evolink_studio.credits.periods import get_period_start

        holder_id = allowance.balance_user_id(user_id)
        period_start = get_period_start(allowance.period, moment)
        key = (allowance.pk, holder_id, period_start)
        if key not in self.balances:
            self.balances[key] = Balance(len(self.balances) + 1, allowance, holder_id, period_start)
        return self.balances[key]

    def book(
        self, generation_id: int, balances: Sequence[Balance], kind: str, moment: datetime, *,
        reserved: int, charged: int = 0,
    ) -> None:  # fmt: skip
        for balance in balances:
            balance.reserved += reserved
            balance.charged += charged
            used_after = balance.reserved + balance.charged
            self.entries.append(
                (len(self.entries) + 1, generation_id, balance.id, kind, reserved, charged,
                 used_after, balance.limit, self.writer.to_moment(moment), None, "", 0)
            )  # fmt: skip

    def book_later(
        self, generation_id: int, balances: list[Balance], kind: str, moment: datetime, *,
        reserved: int, charged: int = 0,
    ) -> None:  # fmt: skip
        order = next(_order_numbers)
        event = (moment, order, generation_id, balances, kind, reserved, charged)
        heapq.heappush(self._later, event)

    def book_until(self, moment: datetime) -> None:
        """Book what was to happen up to this moment."""
        while self._later and self._later[0][0] <= moment:
            at, _, generation_id, balances, kind, reserved, charged = heapq.heappop(self._later)
            self.book(generation_id, balances, kind, at, reserved=reserved, charged=charged)


_order_numbers = itertools.count()


class HistoryFiller:
    """Fills the database with the history of one size."""

    def __init__(self, size: HistorySize, now: datetime) -> None:
        self.size = size
        self.now = now
        self.start = now - timedelta(days=round(size.months * DAYS_PER_MONTH))
        self.random = random.Random(size.seed)
        self.writer = TableWriter()
        self.ledger = Ledger(self.writer)
        self.versions: dict[int, int] = defaultdict(int)
        self.uploads: dict[int, list[int]] = defaultdict(list)
        self.asset_ids, self.result_ids = itertools.count(1), itertools.count(1)
        self.live_states = _list_live_states(size)

    def fill(self) -> dict[str, int]:
        """Write everything; the numbers of rows by table."""
        self._create_people()
        self._add_tables()
        weights = [(number + 1) ** -0.7 for number in range(self.size.user_count)]
        step = (self.now - self.start) / self.size.generation_count
        for number in range(self.size.generation_count):
            created_at = self.start + step * (number + self.random.random() * 0.9)
            user = self.random.choices(self.people, weights)[0]
            remaining = self.size.generation_count - number
            is_live = remaining <= len(self.live_states)
            state = self.live_states[remaining - 1] if is_live else _choose_end(self.random)
            self._add_generation(number + 1, user, state, created_at)
            if number % BATCH_SIZE == BATCH_SIZE - 1:
                self.writer.write()
        self.ledger.book_until(self.now + timedelta(days=2))
        self._write_ledger()
        self.writer.finish()
        self._update_feeds()
        return dict(self.writer.row_counts)

    def _create_people(self) -> None:
        from django.contrib.auth.hashers import make_password
        from django.contrib.auth.models import Group
        from django.db import transaction

        from evolink_studio.accounts.models import User
        from evolink_studio.credits.models import Allowance, ProviderAccount
        from evolink_studio.generations.models import ChangeFeed, Heartbeat
        from evolink_studio.generations.pipeline.provider import get_provider_key
        from evolink_studio.projects.models import Project

        password = make_password(PASSWORD)
        count = self.size.user_count
        with transaction.atomic():
            self.people: list[User] = User.objects.bulk_create(
                User(username=f"person{number}", email=f"person{number}@example.org",
                     password=password, is_staff=number == 0, is_superuser=number == 0,
                     date_joined=self.start)
                for number in range(count)
            )  # fmt: skip
            ChangeFeed.objects.bulk_create(ChangeFeed(owner=user) for user in self.people)
            projects = Project.objects.bulk_create(
                Project(owner=user, name=f"Client {number}", created_at=self.start)
                for user in self.people
                for number in range(PROJECTS_PER_PERSON)
            )
            self.project_ids: dict[int, list[int | None]] = defaultdict(lambda: [None])
            for project in projects:
                self.project_ids[project.owner_id].append(project.pk)
            group = Group.objects.create(name="Film team")
            members = self.people[count // 5 : count * 3 // 5]
            for user in members:
                user.groups.add(group)
            self.member_ids = {user.pk for user in members}
            self.default_allowance = Allowance.objects.get(user=None, group=None, is_shared=False)
            self.group_allowance = Allowance.objects.create(
                group=group, is_shared=True, credits_limit=Decimal(50_000_000), period="month"
            )
            self.own_allowances = {
                user.pk: Allowance.objects.create(
                    user=user,
                    credits_limit=Decimal(20_000_000),
                    period="month",
                    unknown_price_credits=Decimal(200),
                )
                for user in self.people[: count // 5]
            }
            ProviderAccount.objects.update_or_create(
                provider_key=get_provider_key(),
                defaults={
                    "credits_available": Decimal(250_000), "read_at": self.now, "tried_at": self.now
                },
            )  # fmt: skip
            Heartbeat.objects.create(
                worker="history", seen_at=self.now, disk_free_bytes=400 * 10**9
            )

    def _add_tables(self) -> None:
        from evolink_studio.credits.models import AllowanceBalance, LedgerEntry, Reservation
        from evolink_studio.generations.models import CallbackDelivery, GeneratedVideo, Generation
        from evolink_studio.library.models import Asset

        add_table = self.writer.add_table
        self.assets = add_table(
            Asset, "id", "owner", "kind", "origin", "name", "file", "poster", "format", "mime",
            "size_bytes", "sha256", "width", "height", "seconds", "created_at",
        )  # fmt: skip
        self.generations = add_table(
            Generation, "id", "owner", "model_id", "prompt", "search_text", "params", "form_key",
            "fingerprint", "state", "progress", "stalled_since", "last_status", "created_version",
            "changed_version", "task_id", "callback_token", "candidate_task_id",
            "candidate_confirmed", "model_used", "expected_seconds", "result_urls",
            "failed_results", "results_expire_at", "last_reply", "credits_estimated",
            "credits_reserved", "credits_charged", "credits_held", "charge", "error_code",
            "error_text", "error_field", "created_at", "sent_at", "accepted_at", "progressed_at",
            "finished_at", "accounted_at", "dismissed_at", "next_attempt_at", "lease_id",
            "attempts", "title", "notes", "label_text", "ratio", "seconds", "has_sound",
            "starred_at", "queue_rank", "project",
        )  # fmt: skip
        self.inputs = add_table(Generation.inputs.through, "generation", "asset")
        self.results = add_table(GeneratedVideo, "id", "generation", "asset", "position")
        self.callbacks = add_table(
            CallbackDelivery, "generation", "received_at", "size_bytes", "reported_status",
            "reported_task_id", "rejection",
        )  # fmt: skip
        self.balances = add_table(
            AllowanceBalance, "id", "allowance", "user", "period", "period_start", "credits_limit",
            "credits_reserved", "credits_charged", "alerted_percent",
        )  # fmt: skip
        self.reservations = add_table(
            Reservation, "generation_id", "balance", "credits", "state", "round"
        )
        self.entries = add_table(
            LedgerEntry, "id", "generation_id", "balance", "kind", "credits_reserved_delta",
            "credits_charged_delta", "credits_used_after", "credits_limit", "created_at", "actor",
            "note", "round",
        )  # fmt: skip

    def _add_generation(self, pk: int, user: "User", state: str, created_at: datetime) -> None:
        from evolink_studio.core.search import fold_text

        to_moment, dice = self.writer.to_moment, self.random
        model = dice.choices(MODELS, [model.weight for model in MODELS])[0]
        duration = dice.choice(model.durations)
        cost = round(model.credits * duration * dice.choice((0.5, 1, 1, 1.3)), 4)
        units = int(cost * UNITS_PER_CREDIT)
        prompt = _build_prompt(dice)
        ratio = dice.choice(tuple(SIZE_BY_RATIO))
        title = f"Client {dice.randrange(500)}" if dice.random() < LABELLED_SHARE else ""
        is_starred = dice.random() < STARRED_SHARE
        params = {
            "prompt": prompt,
            "duration": duration,
            "quality": dice.choice(("480p", "720p", "1080p")),
            "aspect_ratio": ratio,
            "image_urls": self._add_inputs(pk, user, model, created_at),
        }
        sent_at = created_at + timedelta(seconds=1 + dice.random() * 4)
        accepted_at = sent_at + timedelta(seconds=1)
        task_duration = timedelta(seconds=model.task_seconds * dice.uniform(0.7, 1.6))
        finished_at = min(sent_at + task_duration, self.now)
        is_sent = state not in ("queued", "cancelled")
        is_accepted = state not in UNACCEPTED_STATES
        is_ended = state in ENDED_STATES
        charge = CHARGES[state]
        if state == "failed" and dice.random() < UNCLEAR_FAILURE_SHARE:
            charge = "unclear"
        error_code, error_text = dice.choice(FAILURES) if state == "failed" else ("", "")
        if state == "unknown":
            error_code = "answer_lost"
        task_id = f"task-{_create_key(dice)}" if is_accepted else None
        is_charged = charge == "charged"
        urls = [f"https://files.evolink.ai/results/{task_id}/1.mp4"] if is_charged else []
        estimate = int(units * 1.1) if is_accepted and dice.random() < 0.1 else units
        is_held = charge in ("reserved", "unclear") or state in ("queued", "sending")
        next_attempt_at = {
            "queued": self.now,
            "sending": self.now + timedelta(seconds=60),
            "saving": self.now,
            "running": self.now + timedelta(seconds=dice.random() * 8),
            "unknown": self.now + timedelta(minutes=10),
        }.get(state)
        self.versions[user.pk] += 4
        version = self.versions[user.pk]
        reply = _build_reply(model, task_id, state, urls, created_at, cost) if is_accepted else None
        self.writer.add(
            self.generations,
            (
                pk, user.pk, model.model_id, prompt, fold_text(prompt), json.dumps(params),
                self.writer.to_uuid(uuid.UUID(int=dice.getrandbits(128))),
                hashlib.sha256(prompt.encode()).hexdigest(), state,
                100 if is_charged else 40 if state == "running" else 0, None,
                "completed" if urls else "processing" if is_accepted else "",
                version - 3, version, task_id, _create_key(dice), "", False,
                model.model_id if is_accepted else "", model.task_seconds, json.dumps(urls), "{}",
                to_moment(finished_at + timedelta(hours=24)) if urls else None,
                json.dumps(reply) if reply else None,
                estimate, units if is_accepted else None,
                units if is_charged else 0 if charge == "returned" else None,
                (units if is_accepted else estimate) if is_held else None, charge, error_code,
                error_text, "", to_moment(created_at), to_moment(sent_at) if is_sent else None,
                to_moment(accepted_at) if is_accepted else None,
                to_moment(finished_at if is_ended else accepted_at) if is_sent else None,
                to_moment(finished_at if is_sent else sent_at) if is_ended else None,
                to_moment(finished_at if is_charged else created_at), None,
                to_moment(next_attempt_at), None, 0, title, "", fold_text(title), ratio, duration,
                model.credits > SILENT_CREDITS, to_moment(created_at) if is_starred else None, 0,
                dice.choice(self.project_ids[user.pk]),
            ),
        )  # fmt: skip
        if state == "completed":
            self._add_film(pk, user, model, duration, ratio, finished_at)
        if is_accepted and is_ended:
            rejection = "other_task" if dice.random() < REJECTED_CALLBACK_SHARE else ""
            status = "completed" if urls else "failed"
            row = (pk, to_moment(finished_at), 700, status, task_id, rejection)
            self.writer.add(self.callbacks, row)
        self._book(pk, user, charge, created_at, accepted_at, finished_at, estimate, units, is_held)

    def _book(
        self, pk: int, user: "User", charge: str, created_at: datetime, accepted_at: datetime,
        finished_at: datetime, estimate: int, units: int, is_held: bool,
    ) -> None:  # fmt: skip
        """Reserved at the press, changed by the answer, ended by the news."""
        ledger = self.ledger
        ledger.book_until(created_at)
        balances = [
            ledger.get_balance(allowance, user.pk, created_at)
            for allowance in self._list_allowances(user.pk)
        ]
        ledger.book(pk, balances, "reserve", created_at, reserved=estimate)
        if estimate != units:
            ledger.book_later(pk, balances, "adjust", accepted_at, reserved=units - estimate)
        end, state, credits = None, "reserved", units
        if charge == "charged":
            end, state, charged = "settle", "settled", units
        elif not is_held:
            end, state, charged, credits = "release", "released", 0, 0
        if end:
            moment = max(finished_at, accepted_at)
            ledger.book_later(pk, balances, end, moment, reserved=-units, charged=charged)
        ledger.reservations += [(pk, balance.id, credits, state, 0) for balance in balances]

    def _list_allowances(self, user_id: int) -> "list[Allowance]":
        own = [self.own_allowances.get(user_id, self.default_allowance)]
        return [*own, self.group_allowance] if user_id in self.member_ids else own

    def _add_inputs(
        self, pk: int, user: "User", model: ModelUsage, created_at: datetime
    ) -> list[str]:
        """Pictures of the person, new or used again, as references."""
        dice, references = self.random, list[str]()
        if dice.random() >= model.picture_share:
            return references
        uploads = self.uploads[user.pk]
        for _ in range(dice.choice((1, 1, 1, 2))):
            if not uploads or dice.random() < 0.15:
                uploads.append(next(self.asset_ids))
                self._add_upload(uploads[-1], user, created_at)
            asset_id = dice.choice(uploads)
            if f"asset:{asset_id}" not in references:
                references.append(f"asset:{asset_id}")
                self.writer.add(self.inputs, (pk, asset_id))
        return references

    def _add_upload(self, asset_id: int, user: "User", created_at: datetime) -> None:
        name = f"{created_at:%Y/%m}/{asset_id:012x}"
        self.writer.add(
            self.assets,
            (asset_id, user.pk, "image", "upload", f"IMG_{asset_id}.jpeg", f"{name}.jpeg",
             f"{name}-poster.webp", "jpeg", "image/jpeg", self.random.randrange(10**5, 9 * 10**6),
             hashlib.sha256(f"upload {asset_id}".encode()).hexdigest(), 4032, 3024, None,
             self.writer.to_moment(created_at)),
        )  # fmt: skip

    def _add_film(
        self, pk: int, user: "User", model: ModelUsage, duration: int, ratio: str,
        finished_at: datetime,
    ) -> None:  # fmt: skip
        asset_id = next(self.asset_ids)
        name = f"{finished_at:%Y/%m}/{asset_id:012x}"
        self.writer.add(
            self.assets,
            (asset_id, user.pk, "video", "result", f"{model.model_id}-{pk}-1.mp4", f"{name}.mp4",
             f"{name}-poster.webp", "mp4", "video/mp4", self.random.randrange(10**6, 15 * 10**6),
             hashlib.sha256(f"film {asset_id}".encode()).hexdigest(), *SIZE_BY_RATIO[ratio],
             f"{duration}.000", self.writer.to_moment(finished_at)),
        )  # fmt: skip
        self.writer.add(self.results, (next(self.result_ids), pk, asset_id, 0))

    def _write_ledger(self) -> None:
        """Balances first: their sums are known only now, and the other rows name them."""
        for balance in self.ledger.balances.values():
            self.writer.add(
                self.balances,
                (balance.id, balance.allowance.pk, balance.user_id, balance.allowance.period,
                 self.writer.to_day(balance.period_start), balance.limit, balance.reserved,
                 balance.charged, 0),
            )  # fmt: skip
        tables = (
            (self.reservations, self.ledger.reservations),
            (self.entries, self.ledger.entries),
        )
        for table, rows in tables:
            for start in range(0, len(rows), BATCH_SIZE):
                for row in rows[start : start + BATCH_SIZE]:
                    self.writer.add(table, row)
                self.writer.write()

    def _update_feeds(self) -> None:
        from evolink_studio.generations.models import ChangeFeed

        for user_id, version in self.versions.items():
            ChangeFeed.objects.filter(pk=user_id).update(version=version, credits_version=version)


def _list_live_states(size: HistorySize) -> list[str]:
    """The states of the newest generations, the newest first, and of old lost answers."""
    states = ["queued"] * 20 + ["sending"] * 3 + ["running"] * size.running_count + ["saving"] * 4
    lost_answers = max(3, size.generation_count // GENERATIONS_PER_LOST_ANSWER)
    return [*states, *["unknown"] * lost_answers]


def _choose_end(dice: random.Random) -> str:
    return dice.choices(("completed", "failed", "cancelled"), (86, 9, 5))[0]


def _build_prompt(dice: random.Random) -> str:
    sentence = f"{dice.choice(SUBJECTS)} {dice.choice(ACTIONS)} {dice.choice(MOODS)}."
    details = dice.sample(DETAILS, dice.choice((0, 1, 1, 2, 3, 5)))
    sentences = [sentence[0].upper() + sentence[1:], *details, f"Take {dice.randrange(100_000)}."]
    return " ".join(sentences)


def _build_reply(
    model: ModelUsage, task_id: str | None, state: str, urls: list[str], created_at: datetime,
    cost: float,
) -> dict[str, object]:  # fmt: skip
    """EvoLink's answer about a task, as it would be stored."""
    usage = {"billing_rule": "per_second", "credits_reserved": f"{cost:.4f}"}
    if urls:
        usage["credits_used"] = f"{cost:.4f}"
    return {
        "id": task_id,
        "object": "video.generation.task",
        "type": "video",
        "model": model.model_id,
        "created": int(created_at.timestamp()),
        "status": "completed" if urls else "failed" if state == "failed" else "processing",
        "progress": 100 if urls else 40,
        "results": urls,
        "task_info": {"can_cancel": False, "estimated_time": model.task_seconds},
        "usage": usage,
    }


def _create_key(dice: random.Random) -> str:
    return f"{dice.getrandbits(128):032x}"[:22]


def fill_history(size: HistorySize) -> dict[str, int]:
    """Fill the database of this process; the numbers of rows by table. Raises RuntimeError."""
    from evolink_studio.films import facet_sets
    from evolink_studio.generations.models import Generation
    from evolink_studio.generations.usage_rollup import TRIGGERS, ensure_rollup

    if Generation.objects.exists():
        raise RuntimeError("There is work in this database; take an empty one.")
    TRIGGERS.drop()  # counted at the end, at once
    facet_sets.TRIGGERS.drop()
    row_counts = HistoryFiller(size, datetime.now(UTC)).fill()
    ensure_rollup()
    facet_sets.ensure_facet_sets()
    return row_counts


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.history", description=__doc__)
    parser.add_argument("generation_count", type=int)
    parser.add_argument("--people", type=int, default=HistorySize.user_count)
    parser.add_argument("--months", type=int, default=HistorySize.months)
    parser.add_argument("--running", type=int, default=HistorySize.running_count)
    parser.add_argument("--seed", type=int, default=HistorySize.seed)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evolink_studio.settings")
    import django

    django.setup()
    size = HistorySize(
        options.generation_count, options.people, options.months, options.running, options.seed
    )
    begin = time.process_time()
    row_counts = fill_history(size)
    print(json.dumps({"cpu_seconds": round(time.process_time() - begin, 1), **row_counts}))


if __name__ == "__main__":
    main()
