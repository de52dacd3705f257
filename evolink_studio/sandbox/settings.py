"""Settings of a sandbox."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

HOUR_SECONDS = 3600.0
# EvoLink documentation, stated 2026-11-20: result links live 24 hours, uploaded files 72 hours.
RESULT_LIFETIME_SECONDS = 24 * HOUR_SECONDS
FILE_LIFETIME_SECONDS = 72 * HOUR_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """Settings of one sandbox.

    media_dir                 folder of films and uploaded pictures
    pace                      multiplies every duration of work: 0.1 is ten times as fast
    public_url                base URL of links; empty: the address the request came to
    allow_loopback_callbacks  allow http and loopback callback addresses, for tests
    opening_balance           credits of a new account; each midnight (UTC) refills it to this
    max_files                 quota of uploaded pictures
    max_renders               films rendered at the same time
    """

    media_dir: Path
    pace: float = 1.0
    public_url: str = ""
    allow_loopback_callbacks: bool = False
    opening_balance: Decimal = Decimal(1000)
    max_files: int = 2000
    max_renders: int = 2

    @property
    def videos_dir(self) -> Path:
        return self.media_dir / "films"

    @property
    def images_dir(self) -> Path:
        return self.media_dir / "pictures"
