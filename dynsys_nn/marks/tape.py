"""What an answer calls while it is asked: difference quotients in place of a derivative, and the
package's own answer in place of one that was written by hand.

Seen are the calls that the answer's code itself makes to functions, its own or the package's. A
quotient that is written out in a line, without a function, is not seen, nor is what an answer hides
on purpose; that it has switched off `sys.setprofile`, by which they are seen, is.
"""

import collections
import contextlib
import linecache
import sys
import threading
import weakref

import numpy as np

from ..activations import Activation
from ..arguments import is_ours
from ..integrators import Method
from ..linear import LinearMap
from ..maps import Map

QUOTIENTS = "difference quotients, in place of a derivative that is written by hand"
OFF = "the answer switches off what notes its calls, sys.setprofile"
KINDS = (Activation, LinearMap, Map, Method)
DERIVATIVES = ("vjp", "jvp", "jacobian", "gradient", "hvp", "slope", "value_and_slope")
LOOKED_AT = (*DERIVATIVES, None)  # always, pullbacks and functions, too
MANY = 100  # values that are looked at; they cost more so
#: names for what is one answer
SAME = dict.fromkeys(("vjp", "jvp", "jacobian"), "vjp") | {"value_and_slope": "slope"}


class Call:
    """A call of the marker's: of.method(*given), or the pullback of one."""

    def __init__(self, of, method, given):
        self.of, self.method, self.given, self.near = of, method, given, 0
        self.points = [(a, a.copy()) for a in points_of(given)]
        self.theta = getattr(of, "theta", np.zeros(0)).copy()
        own = getattr(of, "_pieces", ())
        self.points += [(a, a.copy()) for a in map(vars(of).get, own) if isinstance(a, np.ndarray)]

    @property
    def enough(self):
        """How many points near the given one make a quotient of this method."""
        return 1 if self.method in ("jvp", "slope", "value_and_slope") else 2


class Tape:
    """The calls that the code of an answer makes, in files whose names begin so. names: what the
    sheet, too, has in `space`, the globals of the answer; `attributes` and `bases` are names of
    what the sheet's own object has, and derives from."""

    def __init__(self, files, space, names):
        self.files, self.space, self.names = tuple(files), space, set(names)
        self.attributes, self.bases, self.found = None, set(names), []
        self.pullbacks, self.call = weakref.WeakKeyDictionary(), None
        self.counts = collections.Counter()

    def taken(self):
        """[(words, line), …] that were found, since the last time."""
        found, self.found = list(dict.fromkeys(self.found)), []
        return found

    @contextlib.contextmanager
    def running(self, of, method, given):
        """While of.method(*given) runs, which the marker has called; of may be a pullback."""
        self.counts[method] += 1
        if self.call is not None or self.counts[method] > MANY and method not in LOOKED_AT:
            yield  # within another call, or the same again
            return
        self.call = self.pullbacks.get(of) if method is None and hashable(of) else None
        self.call = self.call or Call(of, method or getattr(of, "__name__", ""), given)
        self.call.near = 0
        sys.setprofile(self.look), threading.setprofile(self.look)
        try:
            yield
        finally:
            sys.setprofile(None), threading.setprofile(None)
            self.call = None

    def followed(self, value):
        """What was returned; a pullback in it belongs to the same call."""
        if self.call is not None and sys.getprofile() != self.look:
            self.found.append((OFF, ""))
        last = value[-1] if isinstance(value, tuple) and value else None
        if callable(last) and hashable(last) and self.call is not None:
            self.pullbacks[last] = self.call
        return value

    def look(self, frame, event, _):
        """A call, as `sys.setprofile` tells of it."""
        caller = frame.f_back
        if event != "call" or caller is None or self.call is None:
            return
        if caller.f_globals is not self.space and not self.wrote(caller.f_code):
            return
        try:
            self.look_at(frame.f_code, frame.f_locals, line_in(caller))
        except Exception:  # what cannot be looked at is not accused
            return

    def wrote(self, code):
        """Whether the answer wrote it."""
        return code.co_filename.startswith(self.files)

    def look_at(self, code, names, line):
        if self.call.method in DERIVATIVES:
            values = [*names.values(), *names.get("given", ())]
            self.call.near += sum(count_near(a, b) for a in values for b in self.call.points)
            moved = getattr(self.call.of, "theta", self.call.theta)
            self.call.near += not np.array_equal(moved, self.call.theta)
            if self.call.near >= self.call.enough:
                self.found.append((QUOTIENTS, line))
        body = names.get("body") if code.co_name == "guarded" else None
        called = (body.__code__ if body else code), names.get("self")
        if not self.wrote(called[0]) and self.is_the_answer_itself(*called):
            name = type(called[1]).__name__
            if called[1] is self.call.of:
                name = called[0].co_qualname.split(".")[0] if hasattr(code, "co_qualname") else "it"
            words = f"the package's own answer, {called[0].co_name} of {name}: write it by hand"
            self.found.append((words, line))

    def is_the_answer_itself(self, code, thing):
        """Whether a method of the package, of a thing that was not given, is what is asked for."""
        asked = self.call.method
        if SAME.get(code.co_name, code.co_name) != SAME.get(asked, asked) or thing is None:
            return False
        if thing is self.call.of:
            return not any(
                C.__name__ in self.bases and code in codes_of(C, code.co_name)
                for C in type(thing).__mro__
            )
        return is_ours(type(thing)) and kind_of(thing) is kind_of(self.call.of) and (
            id(thing) not in self.reached()
        )  # fmt: skip

    def reached(self):
        """ids of what the answer was given: arguments, attributes and globals of the sheet."""
        of, found = self.call.of, {}
        own = set(dir(of)) if self.attributes is None else self.attributes
        roots = [*self.call.given, *(vars(of).get(n) for n in own)]
        roots += [vars(C).get(n) for C in type(of).__mro__ for n in own]
        roots += [self.space.get(n) for n in self.names]
        while roots:
            thing = roots.pop()
            if id(thing) in found or isinstance(thing, type | str | np.ndarray | float | int):
                continue
            found[id(thing)] = thing
            if isinstance(thing, list | tuple):
                roots += thing
            elif isinstance(thing, dict):
                roots += thing.values()
            elif is_ours(type(thing)):
                roots += getattr(thing, "__dict__", {}).values()
        return found


def line_in(frame):
    """The line of source at which a frame is."""
    code = frame.f_code
    return linecache.getline(code.co_filename, frame.f_lineno, frame.f_globals).strip()


def hashable(thing):
    try:
        weakref.ref(thing), hash(thing)
    except TypeError:
        return False
    return True


def kind_of(thing):
    return next((kind for kind in KINDS if isinstance(thing, kind)), None)


def codes_of(cls, name):
    """The code of a method that a class writes."""
    found = vars(cls).get(name)
    return [f.__code__ for f in (found, getattr(found, "body", None)) if hasattr(f, "__code__")]


def points_of(given):
    """The arrays, and steps, at which a derivative is asked for: the first array, and numbers."""
    arrays = [np.asarray(a) for a in given if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
    return arrays[:1] + [np.asarray(a) for a in given if isinstance(a, float)]


def count_near(a, point):
    """How many arrays of the shape of a point lie in `a`, near it, but not at it; real or not."""
    as_given, x = point
    if a is as_given or not isinstance(a, np.ndarray | float) or np.shape(a)[-1:] != x.shape[-1:]:
        return 0
    a = np.asarray(a)
    if a.dtype.kind not in "fc" or a.ndim < x.ndim or a.shape[a.ndim - x.ndim :] != x.shape:
        return 0
    scale = max(np.abs(x).max(initial=0), 1e-3)
    gaps = (np.abs(a - x) / scale).reshape(-1, max(x.size, 1)).max(axis=-1)
    tiny = 1e-12 if a.dtype.kind == "f" else 0
    return int(((tiny < gaps) & (gaps < 2e-4)).sum())
