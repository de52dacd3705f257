"""What docs/scaling.md advises can be done, and what it says is to be watched exists."""

import re

import pytest
from django.core.management import get_commands
from django.utils import timezone

from evolink_studio.credits.models import ProviderAccount
from evolink_studio.environment import ROOT, Environment
from evolink_studio.generations.pipeline.provider import get_provider_key
from evolink_studio.generations.services import record_heartbeat
from evolink_studio.generations.states import State
from evolink_studio.library.media.decoding import DECODE_MEMORY_BYTES
from evolink_studio.operations.metrics import StudioCollector

TEXT = (ROOT / "docs" / "scaling.md").read_text("utf-8")
WORDS_IN_CODE = set(re.findall(r"`([^`]+)`", TEXT))
METRIC_PATTERN = re.compile(r"(studio_\w+)(?:\{state=\"(\w+)\"\})?")
SETTING_PATTERN = re.compile(r"[A-Z][A-Z0-9_]{3,}")


@pytest.mark.django_db
def test_every_metric_is_one_that_prometheus_gets():
    now = timezone.now()
    record_heartbeat(worker="anvil", disk_free_bytes=1, now=now)
    ProviderAccount.objects.create(provider_key=get_provider_key(), read_at=now)
    names = {family.name for family in StudioCollector(now).collect()}
    mentioned = [match for word in WORDS_IN_CODE if (match := METRIC_PATTERN.fullmatch(word))]
    assert len(mentioned) > 8
    assert {match[1] for match in mentioned} - names == set()
    assert {match[2] for match in mentioned} - {None} <= {state.value for state in State}


def test_every_setting_is_one_that_the_studio_reads():
    known_names = {field.validation_alias for field in Environment.model_fields.values()}
    mentioned = {word for word in WORDS_IN_CODE if SETTING_PATTERN.fullmatch(word)}
    assert mentioned
    assert mentioned - known_names == set()


def test_every_command_and_file_exists():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for command in re.findall(r"manage\.py (\w+)|(?<=`)(backup)\b", TEXT):
        assert set(command) - {""} <= set(get_commands())
    for target in re.findall(r"`make (\w+)`", TEXT):
        assert f"\n{target}:" in makefile
    for name in re.findall(r"`([\w./]+\.(?:conf|yaml|md))`", TEXT):
        assert (ROOT / name).exists()


def test_limits_that_it_names_are_the_studios():
    assert f"at its {Environment.model_fields['running_at_once'].default} " in TEXT
    assert f"at most {DECODE_MEMORY_BYTES // 1_000_000} MB a process" in TEXT
