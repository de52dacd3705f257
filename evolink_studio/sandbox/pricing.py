"""The rate card of the sandbox.

Credits from a public price feed of 2026-10-10. EvoLink changes its prices; these are only for the
sandbox.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from evolink_studio.sandbox.parameters import ParsedRequest

CREDITS_QUANTUM = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Rate:
    """`unit_credits` per call or second, times a factor by the values of `factor_parameters`.

    A missing value counts as the first one in `factors` that fits the others.
    """

    billing_rule: str
    unit_credits: Decimal
    min_credits: Decimal = Decimal(0)
    factor_parameters: tuple[str, ...] = ()
    factors: Mapping[tuple[str, ...], Decimal] = field(default_factory=dict)

    def calculate_price(self, request: ParsedRequest, seconds: int) -> Decimal:
        price = self.unit_credits * self._find_factor(request)
        if self.billing_rule == "per_second":
            price *= seconds
        return max(price, self.min_credits).quantize(CREDITS_QUANTUM)

    def _find_factor(self, request: ParsedRequest) -> Decimal:
        if not self.factor_parameters:
            return Decimal(1)
        request_values = tuple(request.get_text(name) for name in self.factor_parameters)
        return next(
            factor
            for values, factor in self.factors.items()
            if all(
                request_value in ("", value)
                for request_value, value in zip(request_values, values, strict=True)
            )
        )


RATES: Mapping[str, Rate] = {
    "veo3.1-pro": Rate("per_call", Decimal(162)),
    "kling-o3-image-to-video": Rate(
        "per_second",
        Decimal("5.4"),
        min_credits=Decimal("16.2"),
        factor_parameters=("sound", "quality"),
        factors={
            ("off", "720p"): Decimal(1),
            ("off", "1080p"): Decimal("1.334"),
            ("on", "720p"): Decimal("1.334"),
            ("on", "1080p"): Decimal("1.667"),
        },
    ),
    "sora-2-preview": Rate("per_second", Decimal("5.76"), min_credits=Decimal("23.04")),
    "grok-imagine-text-to-video": Rate("per_second", Decimal("1.36"), min_credits=Decimal("8.16")),
    "doubao-seedance-1.0-pro-fast": Rate(
        "per_second",
        Decimal("0.9"),
        min_credits=Decimal("0.9"),
        factor_parameters=("quality",),
        factors={
            ("480p",): Decimal("0.45"),
            ("720p",): Decimal(1),
            ("1080p",): Decimal("2.2"),
        },
    ),
}
