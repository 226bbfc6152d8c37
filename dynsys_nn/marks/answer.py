"""The process of an answer: it runs a submission, and does what the marker asks of it.

It knows neither the questions nor their arrays before they come. Whoever breaks this process, or
what is in it, breaks an answer, and no check.
"""

import copy
import inspect
import linecache
import os
import sys
import tracemalloc
import types
import warnings
import weakref

import numpy as np

import dynsys_nn

from .. import checks
from ..arguments import is_ours, same
from ..arguments.doors import CONTRACT
from ..checks.errors import line_of_the_return
from ..files import public, rebuilt
from ..maps.parameters import Parameters
from . import fences
from .messages import Channel, Peer, Stopped, code_of, thing
from .submission import without_magics
from .tape import Tape

NAME = "answer"
#: what `Parameters` notes of where θ lies
BOOKS = {
    "_pieces", "_missing", "_leaves", "_home", "_offsets", "_size", "_sizes", "_places", "_shares",
    "_theta", "_depth",
}  # fmt: skip


class Answer(Peer):
    """The side of the answer."""

    def __init__(self, channel):
        super().__init__(channel)
        self.twins = {}  # number of an object that the marker made → what it keeps, and its θ
        self.here, self.there = {}, {}  # objects of the marker's: number → here, id → number
        self.tape, self.strict, self.warned = Tape((), {}, ()), None, []
        warnings.showwarning = self.warn
        self.given, self.written = (), []  # arguments, and those that were changed

    # ---- what is asked

    def serve(self, message):
        before, (self.given, self.written) = (self.given, self.written), ((), [])
        try:
            super().serve(message)
        finally:
            self.given, self.written = before

    def do(self, do, **given):
        return getattr(self, f"do_{do}")(**given)

    def do_load(self, cells, file, names, others=()):
        """Run the cells of a submission; what lies in the folders `others` is its own, too. What
        they define of the names, and the first error; the cells after it go on."""
        module, errors, start = types.ModuleType(NAME), [], 0
        sys.modules[NAME], module.__file__ = module, file
        text = "\n".join(cells)
        linecache.cache[file] = len(text), None, text.splitlines(True), file
        checks.run = Unasked
        for cell in cells:
            try:
                exec(code_in(cell, start, file), module.__dict__)
            except BaseException as error:
                words, line = code_of(error)["said"]
                words = f"SyntaxError: {error}" if isinstance(error, SyntaxError) else words
                errors.append((words, line or (getattr(error, "text", None) or "").strip()))
            start += cell.count("\n") + 1
        self.tape = Tape((file, *others), module.__dict__, names)
        found = {name: vars(module)[name] for name in names if name in vars(module)}
        return {name: self.described(value) for name, value in found.items()}, errors[:1]

    def do_new(self, cls, given, named, attributes, bases):
        """An object of a class of the answer's; attributes, bases: those of the sheet's class."""
        self.tape.attributes, self.tape.bases = attributes, set(bases)
        before, self.given = copied(given), given
        made = cls(*given, **named)
        self.written = changed(given, before)
        return self.twin(made)

    def do_copy(self, of):
        return self.twin(copy.deepcopy(of))

    def do_get(self, of, name):
        return getattr(of, name)

    def do_trace(self, name):
        return getattr(tracemalloc, name)()

    def do_call(self, of, method, given, named, strict, errors):
        """of.method(…), the body that the answer wrote, without a door before it. strict, errors:
        whether a warning is an error, and NumPy's `seterr`, where the checks run."""
        body = of if method is None else getattr(of, method)
        if method is not None and hasattr(body, "__func__"):
            body = getattr(body.__func__, "__wrapped__", body.__func__).__get__(body.__self__)
        if (strict, errors) != self.strict:
            self.strict = strict, errors
            warnings.simplefilter("error" if strict else "always")
            np.seterr(**errors)
        before, self.given = copied(given), given
        with self.tape.running(of, method, given):
            value = self.tape.followed(body(*given, **named))
        self.written = changed(given, before)
        return value

    def fail(self, error, file, line):
        """Raise an error of the marker's; its line, if it has none, is the one here that asked."""
        if not error.line:
            del error.line
        raise error

    # ---- what is sent

    def described(self, cls):
        """What a stand-in of a class needs to know; anything else as it is."""
        if not isinstance(cls, type):
            return cls
        methods, properties, attributes = [], [], {}
        for name in dict.fromkeys(name for C in cls.__mro__ for name in vars(C)):
            home = next(C for C in cls.__mro__ if name in vars(C))
            value, theirs = vars(home)[name], not is_ours(home) and home is not object
            if name[0] == "_" and name != "__call__":
                continue
            if isinstance(value, types.FunctionType | staticmethod | classmethod):
                if theirs or name in CONTRACT:
                    body = getattr(value, "__func__", value)
                    methods.append((name, "" if theirs else home.__name__, return_of(body)))
            elif theirs and isinstance(value, property):
                properties.append(name)
            elif theirs and plain(value):
                attributes[name] = value
        return {
            "name": cls.__name__, "mro": [C.__name__ for C in cls.__mro__],
            "class": self.number(cls), "methods": methods,
            "properties": properties, "attributes": attributes,
        }  # fmt: skip

    def twin(self, made):
        """An object that the marker has made: its parameters, and what it keeps on itself."""
        pieces = {}
        if isinstance(made, Parameters):
            pieces = {name: made.__dict__[name] for name in made._pieces}
            pieces |= dict.fromkeys(made._missing)
        number = self.number(made)
        self.twins[number] = kept, theta = kept_by(made), theta_of(made)
        whole = not any(isinstance(piece, Parameters) for piece in pieces.values())
        return {
            "twin": number, "pieces": pieces if whole else {}, "theta": theta, "kept": plainly(kept)
        }  # fmt: skip

    def beside(self):
        """What has changed on the twins, and what the tape has seen."""
        changed = []
        for number, (before, theta) in self.twins.items():
            now, at = kept_by(self.mine[number]), theta_of(self.mine[number])
            new = {n: a for n, a in now.items() if n not in before or before[n] is not a}
            moved = not np.array_equal(at, theta, equal_nan=True)
            if new or moved:
                self.twins[number] = now, at
                changed.append((number, plainly(new), at if moved else None))
        warned, self.warned = self.warned[:1], []
        return {
            "changed": changed, "tape": self.tape.taken(), "warned": warned,
            "written": self.written,
        }  # fmt: skip

    def warn(self, message, category, file, line, *_):
        """Note a warning: the marker warns."""
        self.warned.append((category.__name__, str(message), file, line))

    def wrote(self, cls):
        """Whether a class is the answer's."""
        bodies = [getattr(f, "__wrapped__", f) for C in cls.__mro__ for f in vars(C).values()]
        codes = [body.__code__ for body in bodies if hasattr(body, "__code__")]
        return cls.__module__ == NAME or any(map(self.tape.wrote, codes))

    def array(self, value, arrays):
        place = next((k for k, a in enumerate(self.given) if a is value), None)
        if place is not None and not any(value is a for _, a in self.written):
            return {"argument": place}
        return super().array(value, arrays)

    def sent(self, value, pack):
        if id(value) in self.there:
            return {"yours": self.there[id(value)]}
        if isinstance(value, type | types.ModuleType) or is_ours(type(value)):
            return thing(value)
        if self.numbers.get(id(value)) in self.twins:
            return {"twin": self.numbers[id(value)]}
        if self.wrote(type(value)):
            return {"object": self.number(value), "of": pack(self.described(type(value)))} | {
                "made": pack(self.twin(value))
            }
        if callable(value):
            name = str(getattr(value, "__name__", type(value).__name__))
            code = getattr(value, "__func__", value)
            return {"function": self.number(value), "name": name, "line": return_of(code)}
        return thing(value)

    # ---- what is received

    def received(self, code, unpack):
        if "yours" in code:
            found = self.mine[code["yours"]]
            if "theta" in code:
                found.theta = unpack(code["theta"])
            for name, value in unpack(code["kept"]).items() if "kept" in code else ():
                setattr(found, name, value)
            if code["yours"] in self.twins:
                self.twins[code["yours"]] = kept_by(found), theta_of(found)
            return found
        number = code["mine"]
        if number not in self.here:
            found = self.built(number, code, unpack)
            self.there[id(found)] = number
            if "once" in code:  # a pullback: the marker keeps it as long as it is kept here
                weakref.finalize(found, self.drop, id(found), number).atexit = False
                return found
            self.here[number] = found
        if "theta" in code:
            self.here[number].theta = unpack(code["theta"])
        return self.here[number]

    def drop(self, key, number):
        self.there.pop(key, None)
        self.unused.append(number)

    def built(self, number, code, unpack):
        """An object of the marker's: built again, or one whose methods ask the marker."""
        if "built" in code:
            return rebuilt(code["built"])
        if "made" in code:
            cls, given = public(code["made"]), unpack(code["from"])
            several = given.pop(inspect.getfullargspec(cls).varargs, ())
            return cls(*several, **given)

        def asks(method):
            def call(*given, **named):
                return self.ask(do="call", of=number, method=method, given=given, named=named)

            return call if method is None else lambda self, *given, **named: call(*given, **named)

        if "methods" not in code:
            return asks(None)
        base, body = getattr(dynsys_nn, code["base"], object), unpack(code["kept"])
        body |= {name: asks(name) for name in code["methods"]} | {"__module__": dynsys_nn.__name__}
        found = object.__new__(type(base)(code["name"], (base,), body))
        if "theta" in code and isinstance(found, Parameters):
            found.own(parameters_=unpack(code["theta"]))
        return found


class Unasked(checks.Results):
    """`checks.run` in an answer: nothing, the marker has its own questions."""

    def __init__(self, questions):
        super().__init__()

    def exit(self):
        return self


def code_in(cell, start, file):
    """The code of a cell that begins after so many lines; what only a notebook understands is left
    out of one that is no Python with it."""
    try:
        return compile("\n" * start + cell, file, "exec")
    except SyntaxError:
        left = without_magics(cell) if file.endswith(".ipynb") else cell
        return compile("\n" * start + left, file, "exec")


def return_of(function):
    """The line with the only `return` of a function, if there is one."""
    function = getattr(function, "__wrapped__", function)
    return line_of_the_return(function) if isinstance(function, types.FunctionType) else ""


def copied(given):
    """Copies of the arguments that can be changed, in their places."""
    return [
        a.copy() if isinstance(a, np.ndarray) and a.flags.writeable
        else copy.deepcopy(a) if isinstance(a, list | dict) and plain(a)
        else a
        for a in given
    ]  # fmt: skip


def changed(given, before):
    """The arguments that are not what they were, by their places."""
    return [(k, a) for k, a in enumerate(given) if not same(a, before[k])]


def kept_by(thing):
    """What an object keeps on itself, but for its parameters."""
    pieces = {*getattr(thing, "_pieces", ()), *BOOKS}
    return {n: a for n, a in getattr(thing, "__dict__", {}).items() if n not in pieces}


def theta_of(thing):
    """θ, a copy."""
    return thing._gathered() if getattr(thing, "_leaves", ()) else np.zeros(0)


def plain(value):
    """Whether a value is one on the other side, too."""
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(plain, value))
    if isinstance(value, dict):
        return all(map(plain, [*value, *value.values()]))
    return value is None or isinstance(value, bool | int | float | complex | str | np.ndarray)


def plainly(kept):
    """What is kept on an object, without parts of the package, which the marker has itself."""
    return {name: value for name, value in kept.items() if not is_ours(type(value))}


def main(share):
    """Answer the marker until it hangs up."""
    channel = Channel(fences.socket_of_the_marker(share))
    answer = Answer(channel)
    try:
        fences.fence_in(**answer.take())
        answer.post({"value": None} | answer.beside())
        while True:
            answer.serve(answer.take())
    except Stopped:
        os._exit(0)
