"""What the sandbox took from its account is what our ledger says, whatever happens to a film."""

import time
import uuid
from decimal import Decimal

import pytest
from django.db.models import Sum

from evolink_studio.catalog import get_spec
from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.credits.models import LedgerEntry
from evolink_studio.generations.models import Generation
from evolink_studio.generations.services import create_generation
from evolink_studio.generations.states import ENDED_STATES
from tests.manual_worker import ManualWorker
from tests.sandbox.sandboxes import GROK, run_sandbox

pytestmark = pytest.mark.django_db(transaction=True)

PROMPTS = ("A cat", "[cheaper] A cat", "[dearer] A cat", "[policy] A cat", "[kept] A cat")
TIMEOUT_SECONDS = 90  # seconds; real films are made


def test_the_ledger_says_what_the_sandbox_took(ada, clock, tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path / "media"
    with run_sandbox(tmp_path, pace=0.01) as sandbox_client:
        before = sandbox_client.get_remaining_credits()
        for prompt in PROMPTS:
            create_generation(
                owner=ada,
                spec=get_spec(GROK),
                params={"prompt": f"[quick] {prompt}", "duration": 6},
                assets=[],
                form_key=uuid.uuid4(),
                credits_estimated=Decimal("8.16"),
                now=clock(),
            )
        worker = ManualWorker(str(sandbox_client.http.base_url), clock)
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while Generation.objects.exclude(state__in=ENDED_STATES).exists():
            assert time.monotonic() < deadline, "still not ended"
            worker.run_all_stages()
            clock.advance(seconds=20)
        charged_total = before - sandbox_client.get_remaining_credits()

    rows = Generation.objects.order_by("pk")
    charges = [row.credits_charged for row in rows]
    assert charges == [Decimal(text) for text in ("8.16", "4.08", "8.976", "0", "8.16")]
    assert [row.state for row in rows] == ["completed"] * 3 + ["failed"] * 2
    assert (
        LedgerEntry.objects.aggregate(n=Sum("credits_charged_delta"))["n"]
        == charged_total
        == sum(charges)
    )
    assert audit_ledger_with_generations().findings == ()
