"""What all figures share: options that are looked at, words, and files."""

from .options import (
    SIZE,
    Choice,
    Labels,
    Number,
    Option,
    Several,
    Whole,
    Words,
    figure,
    fraction,
    shown,
)
from .words import at_most, power, ratio

__all__ = [
    "SIZE", "Choice", "Labels", "Number", "Option", "Several", "Whole", "Words",
    "at_most", "figure", "fraction", "power", "ratio", "shown",
]  # fmt: skip
