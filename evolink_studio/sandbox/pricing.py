"""What the sandbox charges: a rate card of its own.

Figures of a public price feed of 2026-10-10, in credits. Both the figures and what a credit costs
change at EvoLink; these serve for play only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from evolink_studio.sandbox.parameters import Asked

PLACES = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Rate:
    """`credits` a call or a second, times the factor of the values of the parameters `by`.

    A value that is not given counts as the first one in `factors` that fits the others.
    """

    rule: str
    credits: Decimal
    least: Decimal = Decimal(0)
    by: tuple[str, ...] = ()
    factors: Mapping[tuple[str, ...], Decimal] = field(default_factory=dict)

    def price(self, asked: Asked, seconds: int) -> Decimal:
        amount = self.credits * self._factor(asked)
        if self.rule == "per_second":
            amount *= seconds
        return max(amount, self.least).quantize(PLACES)

    def _factor(self, asked: Asked) -> Decimal:
        if not self.by:
            return Decimal(1)
        given = tuple(asked.text(name) for name in self.by)
        return next(
            factor
            for values, factor in self.factors.items()
            if all(g in ("", v) for g, v in zip(given, values, strict=True))
        )


RATES: Mapping[str, Rate] = {
    "veo3.1-pro": Rate("per_call", Decimal(162)),
    "kling-o3-image-to-video": Rate(
        "per_second",
        Decimal("5.4"),
        least=Decimal("16.2"),
        by=("sound", "quality"),
        factors={
            ("off", "720p"): Decimal(1),
            ("off", "1080p"): Decimal("1.334"),
            ("on", "720p"): Decimal("1.334"),
            ("on", "1080p"): Decimal("1.667"),
        },
    ),
    "sora-2-preview": Rate("per_second", Decimal("5.76"), least=Decimal("23.04")),
    "grok-imagine-text-to-video": Rate("per_second", Decimal("1.36"), least=Decimal("8.16")),
    "doubao-seedance-1.0-pro-fast": Rate(
        "per_second",
        Decimal("0.9"),
        least=Decimal("0.9"),
        by=("quality",),
        factors={
            ("480p",): Decimal("0.45"),
            ("720p",): Decimal(1),
            ("1080p",): Decimal("2.2"),
        },
    ),
}
