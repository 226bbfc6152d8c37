"""Every figure, drawn quickly in the dark with all its options varied, says what is so and can be read; on demand
in the lecture's own look and with its values, too."""

import os

import pictures
import pytest

from figures import NAMES
from figures.__main__ import make_of
from figures.drawing.saving import message

LOOKS = ("dark", "lecture") if os.environ.get("ALL_PICTURES") else ("dark",)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", NAMES)
def test_figure_says_what_is_so_and_can_be_read(name, look):
    """No number that the options contradict, no text that is cut, covered or small, nothing faint in
    the dark."""
    of_the_lecture, *varied = pictures.variations(make_of(name))
    [(what, options)] = varied if varied and look == "dark" else [of_the_lecture]
    found = {"what": what, **pictures.report(name, options, True, look)}
    assert pictures.wrong(name, found) == []
    assert message(name)[-1] in ".!" or ":" in message(name)
