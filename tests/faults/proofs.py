"""What must be proved after every fault, whatever else is looked at."""

from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.generations.usage_rollup import prove_rollup


def assert_proved() -> None:
    """The ledger is explained by its generations, and the roll-up of usage adds them up."""
    assert audit_ledger_with_generations().findings == ()
    assert [finding for step in prove_rollup(None) for finding in step.findings] == []
