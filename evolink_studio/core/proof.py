"""Proofs that stored totals are what their rows sum to, made in short steps.

A proof reads a window of rows, says how far it is and what it found, and goes on. So its memory
does not grow with the history, no statement takes long, whoever runs it may pause between two
steps, and after a kill the next run goes on where the last one stopped.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Position = Mapping[str, Any]  # where a proof is; plain values, so that it can be stored as JSON
MAX_KEPT_FINDINGS = 1000  # a proof that finds more says how many


@dataclass(frozen=True)
class ProofStep:
    """What one window gave. From `position` on a later run goes on; `counts` by what was read."""

    position: Position
    counts: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[object, ...] = ()


@dataclass(frozen=True)
class Proof:
    """One proof of the daily table. `failure` completes "EvoLink Studio: …", `command` shows all.

    `run` begins at a position, or at the beginning with None.
    """

    name: str
    failure: str
    command: str
    run: Callable[[Position | None], Iterator[ProofStep]]


@dataclass
class ProofProgress:
    """How far a proof is, and what it found so far; at most MAX_KEPT_FINDINGS of it, as texts."""

    position: Position | None = None
    counts: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    finding_count: int = 0
    is_done: bool = False

    def add(self, step: ProofStep) -> None:
        """Take one step into account."""
        self.position = step.position
        for name, count in step.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        self.finding_count += len(step.findings)
        room = MAX_KEPT_FINDINGS - len(self.findings)
        self.findings += [str(finding) for finding in step.findings[:room]]


def advance_proof(steps: Iterator[ProofStep], progress: ProofProgress, *, seconds: float) -> None:
    """Take steps for about so long, at least one. Sets `is_done` after the last."""
    deadline = time.monotonic() + seconds
    for step in steps:
        progress.add(step)
        if time.monotonic() >= deadline:
            return
    progress.is_done = True
