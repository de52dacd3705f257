"""A checked request: what was asked of a model, defaults filled in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from evolink_studio.sandbox.parameters import Picture


@dataclass(frozen=True, slots=True)
class Asked:
    """Values by parameter name, and the pictures of every parameter that holds addresses."""

    values: Mapping[str, object]
    pictures: Mapping[str, tuple[Picture, ...]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def whole(self, name: str) -> int | None:
        value = self.values.get(name)
        return value if isinstance(value, int) else None

    def pictures_of(self, name: str) -> tuple[Picture, ...]:
        return self.pictures.get(name, ())

    @property
    def every_picture(self) -> tuple[Picture, ...]:
        """In the order of the model's parameters, which is the order of the film."""
        return tuple(picture for group in self.pictures.values() for picture in group)

    def extension(self, name: str) -> object:
        """A member of `model_params`, or None."""
        extensions = self.values.get("model_params")
        return extensions.get(name) if isinstance(extensions, dict) else None

    def extension_rows(self, name: str) -> list[Mapping[str, object]]:
        rows = self.extension(name)
        return rows if isinstance(rows, list) else []

    @property
    def words(self) -> str:
        """The prompt, or the prompts of the shots where those replace it."""
        if self.extension("multi_shot"):
            return " ".join(str(shot["prompt"]) for shot in self.extension_rows("multi_prompt"))
        return self.text("prompt").strip()
