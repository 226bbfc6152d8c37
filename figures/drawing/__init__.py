"""What all figures share: options that are looked at, words, and files."""

from .options import (
    SIZE,
    Choice,
    Number,
    Option,
    Several,
    Whole,
    Words,
    figure,
    fraction,
    shown,
)
from .words import power, ratio

__all__ = [
    "SIZE", "Choice", "Number", "Option", "Several", "Whole", "Words", "figure",
    "fraction", "power", "ratio", "shown",
]  # fmt: skip
