"""The description of a film to render, sent between processes as JSON."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Storyboard:
    """One film to render.

    width, height  pixels, even numbers
    seconds        the exact length
    image_paths    files in the order of appearance: the film begins with the first and ends with
                   the last
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
        """Raises ValueError or TypeError for anything that `to_json` did not write."""
        fields = json.loads(text)
        return cls(**{**fields, "image_paths": tuple(fields["image_paths"])})
