"""What a caller may vary in a figure: each option has a range, a unit, and a default in
the signature of `make`, which is the lecture's value.

    @figure(slope=Number(0.05, 1, "slope of σ for z < 0"))
    def make(quick=False, *, slope=0.5, figsize=(13, 5), labels=LABELS):

`make` then refuses what is out of range, `make.options` knows what there is, and its
docstring ends with the list.
"""

import functools
import inspect
import json
import math
import operator
import re
from pathlib import Path


class Option:
    """One kind of value: `option(name, value)` is the value as the figure takes it, or
    a ValueError; `option.read(text)` is the value that a command line means."""

    def __init__(self, what):
        self.what = what

    def refuse(self, name, value):
        raise ValueError(f"{name} is {self.range}: {self.what}; got {value!r}")

    def __str__(self):
        return f"{self.range}: {self.what}"


class Number(Option):
    """A real number in [least, most]."""

    def __init__(self, least, most, what):
        super().__init__(what)
        self.least, self.most = least, most
        self.range = f"a number from {least:g} to {most:g}"

    def __call__(self, name, value):
        if isinstance(value, bool | str):
            self.refuse(name, value)
        try:
            number = float(value)
        except (TypeError, ValueError):
            self.refuse(name, value)
        return number if self.least <= number <= self.most else self.refuse(name, value)

    def read(self, text):
        """4/3 is a number, too."""
        numerator, _, denominator = text.partition("/")
        try:
            return float(numerator) / float(denominator or 1)
        except (ValueError, ZeroDivisionError):
            return text


class Whole(Option):
    """An integer in {least, …, most}."""

    def __init__(self, least, most, what):
        super().__init__(what)
        self.least, self.most = least, most
        self.range = f"a whole number from {least} to {most}"

    def __call__(self, name, value):
        try:
            number = operator.index(value)
        except TypeError:
            self.refuse(name, value)
        inside = self.least <= number <= self.most and not isinstance(value, bool)
        return number if inside else self.refuse(name, value)

    def read(self, text):
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else text


class Choice(Option):
    """One of some names."""

    def __init__(self, names, what):
        super().__init__(what)
        self.names = tuple(names)
        self.range = f"one of {', '.join(self.names)}"

    def __call__(self, name, value):
        return value if value in self.names else self.refuse(name, value)

    def read(self, text):
        return text


class Several(Option):
    """`least` to `most` values of one option; on a command line 1,2,3, or 8x4.5."""

    def __init__(self, option, least, most, what=""):
        super().__init__(what or option.what)
        self.option, self.least, self.most = option, least, most
        many = f"{least}" if least == most else f"{least} to {most}"
        self.range = f"{many} values, each {option.range}"

    def __call__(self, name, value):
        many = hasattr(value, "__len__") and not isinstance(value, str)
        if not (many and self.least <= len(value) <= self.most):
            self.refuse(name, value)
        return tuple(self.option(name, one) for one in value)

    def read(self, text):
        return tuple(
            self.option.read(one) for one in re.split(r",|(?<=\d)x(?=\d)", text)
        )


#: what is filled in in a text: <h>, or <h:.1f>
PLACE = r"<(\w+)(:[^<>]+)?>"


def places_in(text):
    return {name for name, _ in re.findall(PLACE, text)}


class Labels(Option):
    """Some of the figure's words, by name: on a command line a JSON file."""

    range = "a dict of texts, some of LABELS, or a JSON file of one"

    def __init__(self, default):
        super().__init__(f"the words of the figure: {', '.join(default)}")
        self.default = default

    def __call__(self, name, value):
        if not isinstance(value, dict):
            raise ValueError(f"{name} is a dict of texts, got {value!r}")
        for label, text in value.items():
            if label not in self.default:
                there = ", ".join(self.default)
                raise ValueError(f"unknown label {label}; there are {there}")
            if not isinstance(text, str):
                raise ValueError(f"the label {label!r} is a text, got {text!r}")
            there = places_in(self.default[label])
            for place in sorted(places_in(text) - there):
                only = ", ".join(f"<{one}>" for one in sorted(there)) or "nothing"
                raise ValueError(
                    f"the label {label!r} cannot say <{place}>, only {only}"
                )
        return Words(self.default | value)

    def read(self, text):
        if not text.endswith(".json"):
            raise ValueError(
                f"labels are read from a JSON file of a dict of texts, got {text!r}"
            )
        try:
            return json.loads(Path(text).read_text("utf-8"))
        except json.JSONDecodeError as wrong:
            raise ValueError(f"{text} is not JSON: {wrong}") from None


class Words(dict):
    """The words of a figure: `words("title", h=0.5)` is the text "title" with every <h>
    filled in.

    A number is written with four digits, unless its place says otherwise, <h:.1f>.
    """

    def __call__(self, name, /, **values):
        def filled(place):
            value, form = values[place[1]], place[2]
            is_text = isinstance(value, str)
            return value if is_text else format(value, (form or ":.4g")[1:])

        return re.sub(PLACE, filled, self[name])


SIZE = Several(Number(2, 40, "inches"), 2, 2, "width and height in inches")


def figure(**options):
    """The decorator of `make`, or `animate`: see above."""

    def decorated(make):
        parameters = inspect.signature(make).parameters
        defaults = {
            name: p.default for name, p in parameters.items() if name != "quick"
        }
        looks = {"figsize": SIZE, "labels": Labels(defaults["labels"])}
        known = options | looks
        if set(known) != set(defaults):
            raise TypeError(
                f"{make.__module__}: {set(known) ^ set(defaults)} is not an option"
            )

        @functools.wraps(make)
        def looked_at(quick=False, **given):
            unknown = ", ".join(name for name in given if name not in known)
            if unknown:
                raise TypeError(
                    f"unknown option {unknown}; there are {', '.join(known)}"
                )
            values = {
                name: known[name](name, value)
                for name, value in (defaults | given).items()
            }
            return make(quick, **values)

        looked_at.options, looked_at.defaults = known, defaults
        lines = [
            f"{name}={shown(defaults[name])}: {option}"
            for name, option in known.items()
        ]
        about = inspect.cleandoc(make.__doc__ or "The figure; returns it.")
        looked_at.__doc__ = "\n\n".join([about, "\n".join(lines)])
        return looked_at

    return decorated


def shown(value):
    """A default as it is written on a command line."""
    if isinstance(value, dict):
        return "LABELS"
    if isinstance(value, tuple):
        return ",".join(map(shown, value))
    if isinstance(value, float):
        return fraction(value)
    return str(value)


def fraction(value, largest=12):
    """4/3 as the text 4/3, if its denominator is small; or else four digits."""
    ratio = simple(value, largest)
    return f"{ratio[0]}/{ratio[1]}" if ratio and ratio[1] > 1 else f"{value:.4g}"


def simple(value, largest=12):
    """(p, q) with p/q = value up to rounding, and q ≤ largest, or None."""
    for q in range(1, largest + 1):
        p = round(value * q)
        if math.isclose(p / q, value, rel_tol=1e-12, abs_tol=1e-300):
            return p, q
    return None
