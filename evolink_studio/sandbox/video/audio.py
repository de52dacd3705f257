"""A soft chord whose notes come from a hash of the prompt."""

import hashlib
import math
from array import array

SAMPLE_RATE = 48_000
# Whole numbers of hertz, so that one second can be repeated without a click.
CHORD_FREQUENCIES = (
    (220, 277, 330),
    (196, 247, 294),
    (174, 220, 262),
    (233, 294, 349),
    (165, 208, 247),
)
LOUDNESS = 0.11
FADE_SECONDS = 0.6


class Chord:
    """A chord of `seconds` length; `synthesize_second(n)` is one second of mono float32 samples."""

    def __init__(self, text: str, seconds: int) -> None:
        seed_byte = hashlib.sha256(text.encode("utf-8", "replace")).digest()[-1]
        notes = CHORD_FREQUENCIES[seed_byte % len(CHORD_FREQUENCIES)]
        self._seconds = seconds
        self._loop = [
            LOUDNESS
            * (0.75 + 0.25 * math.cos(2 * math.pi * i / SAMPLE_RATE))
            * sum(math.sin(2 * math.pi * note * i / SAMPLE_RATE) for note in notes)
            / len(notes)
            for i in range(SAMPLE_RATE)
        ]

    def synthesize_second(self, number: int) -> "array[float]":
        samples = array("f", self._loop)
        if number == 0 or number == self._seconds - 1:
            for i in range(SAMPLE_RATE):
                position = number + i / SAMPLE_RATE
                samples[i] *= min(
                    1.0, position / FADE_SECONDS, (self._seconds - position) / FADE_SECONDS
                )
        return samples
