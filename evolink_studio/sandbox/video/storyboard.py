"""What a film is to show, as plain data that travels between processes as JSON."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Storyboard:
    """One film to be made.

    width and height are even pixels, seconds is the exact length, pictures are files on this
    machine in the order of their appearance (the film starts from the first and ends on the last).
    """

    target_path: str
    width: int
    height: int
    fps: int
    seconds: int
    prompt_text: str
    subtitle: str
    has_sound: bool
    image_paths: tuple[str, ...] = ()

    @property
    def frame_count(self) -> int:
        return self.seconds * self.fps

    @property
    def path(self) -> Path:
        return Path(self.target_path)

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Storyboard":
        """Raises ValueError or TypeError for anything that `dumps` did not write."""
        fields = json.loads(text)
        return cls(**{**fields, "pictures": tuple(fields["pictures"])})
