"""One line on a terminal."""

import sys
import time


def on_a_terminal():
    """Whether stderr is a terminal, and there at all: without a console it is None."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # something else, or closed
        return False


class Line:
    """One line on the terminal that rewrites itself, at most ten times a second; nothing
    elsewhere."""

    def __init__(self, active):
        self.active, self.text, self.shown = active, "", 0.0

    def show(self, *words):
        if self.active:
            self.text = " ".join(map(str, words))
            if time.perf_counter() - self.shown > 0.1:
                self.shown = time.perf_counter()
                print(f"\r\x1b[K{self.text}", end="", file=sys.stderr, flush=True)

    def end(self):
        if self.text:
            print(f"\r\x1b[K{self.text}", file=sys.stderr)
