"""The marks of one submission: the lecturer's questions, asked of objects that stand for those of
the answer's process.

A stand-in is of a class that derives from the sheet's own, so that it is a field, a method or an
activation as the sheet wants it. Its methods ask the answer's process. Its parameters, and what it
keeps on itself, are those of the object there, its twin: what changes on one side is sent with the
next message.
"""

import ast
import copy
import hashlib
import inspect
import json
import linecache
import runpy
import tempfile
import time
import tracemalloc
import types
import warnings
import weakref
from pathlib import Path

import numpy as np

from .. import checks
from ..activations import Activation
from ..arguments import is_ours
from ..arguments.doors import CONTRACT
from ..checks.errors import line_of, words_of
from ..checks.sheet import Result, numbered
from ..fields import Field
from ..files import architecture, encoded
from ..integrators import Method
from ..maps import Map
from . import fences
from .answer import kept_by, theta_of
from .messages import Channel, Peer, Stopped, thing
from .submission import Unreadable, cells_of

WARNINGS = {kind.__name__: kind for kind in Warning.__subclasses__()}
START, AGAIN = 60, 2  # seconds for Python to start, and for a question after a first time-out
TIME = "it took more than {:g} s: is there a loop without an end?"


class Sheet:
    """A sheet, and the expression that it passes to its questions."""

    def __init__(self, path):
        self.path = Path(path).resolve()
        calls = [
            node
            for node in ast.walk(ast.parse(self.path.read_bytes()))
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "questions"
        ]
        if not calls or not calls[-1].args:
            raise ValueError(f"{path} is no sheet: its last line is to be checks.run(questions(…))")
        self.answer = ast.unparse(calls[-1].args[0])
        space = self.space()
        self.own = [
            name
            for name, value in space.items()
            if isinstance(value, type | types.FunctionType) and value.__module__ == "<run_path>"
            if name != "questions"
        ]
        named = {n.id for n in ast.walk(ast.parse(self.answer)) if isinstance(n, ast.Name)}
        self.asked = [name for name in self.own if name in named]
        self.questions = numbered(space["questions"](eval(self.answer, dict(space)), 0))

    def space(self):
        """What the sheet defines, anew."""
        return runpy.run_path(str(self.path))

    def seed_of(self, student, secret=""):
        """The seed of a student's arrays, the same whenever and wherever it is asked for."""
        text = f"{self.path.name}\n{student}\n{secret}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


class Marker(Peer):
    """The side of the questions."""

    def __init__(self, channel):
        super().__init__(channel)
        self.bases, self.seen = {}, []
        self.once = set()  # ids of pullbacks that are sent, and kept as long as the answer wants
        self.given = []  # the arguments of calls that are not answered yet, the last one last
        self.twins, self.standing = {}, {}  # number → stand-in; id → [stand-in, number, kept, θ]
        self.shown = {}  # id of an object of the package → θ as it was sent
        self.classes = {}

    # ---- stand-ins

    def stand_in(self, code, base):
        """What stands for a class or function of the answer's; base: that of the sheet."""
        if not isinstance(code, dict) or "methods" not in code:
            return code
        number = code["class"]
        base = next((B for n, B in self.bases.items() if n in code["mro"]), base)
        base = base if isinstance(base, type) else object
        of_the_sheet = {C.__name__ for C in base.__mro__}
        body = {name: value for name, value in code["attributes"].items()}
        for name, home, line in code["methods"]:
            if home not in of_the_sheet:
                body[name] = self.forwards(name, line)
        for name in code["properties"]:
            body[name] = property(lambda F, name=name: self.ask(do="get", of=F, name=name))

        def __init__(F, *given, **named):
            like = the_sheets_own(base, given, named)
            made = self.ask(
                do="new", cls=cls, given=given, named=named, bases=sorted(of_the_sheet),
                attributes=None if like is None else dir(like),
            )  # fmt: skip
            self.adopt(F, made, base, given, named)
            for name, value in vars(like).items() if hasattr(like, "__dict__") else ():
                if is_ours(type(value)) and not hasattr(F, name):
                    object.__setattr__(F, name, value)

        def __deepcopy__(F, memo):
            return self.adopt(copy_without_twin(F), self.ask(do="copy", of=F))

        body |= {"__init__": __init__, "__deepcopy__": __deepcopy__, "__module__": "answer"}
        body["__copy__"] = lambda F: copy.deepcopy(F)
        cls = type(base)(str(code["name"]), (base,), body)
        cls.__signature__ = inspect.signature(base)
        self.classes[number], self.standing[id(cls)] = cls, [cls, number, {}, np.zeros(0)]
        return cls

    def adopt(self, F, made, base=None, given=(), named=None):
        """F, as the stand-in of an object that the answer made."""
        if made["pieces"] and not getattr(F, "_pieces", ()):
            F.own(**made["pieces"])
        elif made["theta"].size:
            if base is not None:
                base.__init__(F, *given, **named)
            F.theta = made["theta"]
        for name, value in made["kept"].items():
            object.__setattr__(F, name, value)
        self.twins[made["twin"]] = F
        self.standing[id(F)] = [F, made["twin"], kept_by(F), theta_of(F)]
        return F

    def forwards(self, method, line):
        """A method of a stand-in that asks the answer. line: that of its `return`."""

        def forward(F, *given, **named):
            return self.call(F, method, given, named)

        return called(forward, method, line)

    def function(self, number, name, line):
        """A function that stands for one of the answer's."""

        def function(*given, **named):
            return self.call(function, None, given, named)

        called(function, name, line)
        self.standing[id(function)] = [None, number, {}, np.zeros(0)]
        weakref.finalize(function, self.drop, id(function), number).atexit = False
        return function

    def call(self, of, method, given, named):
        strict = bool(warnings.filters) and warnings.filters[0][0] == "error"
        self.given.append(given)
        try:
            return self.ask(
                do="call", of=of, method=method, given=given, named=named, strict=strict,
                errors=np.geterr(),
            )  # fmt: skip
        finally:
            self.given.pop()

    def drop(self, key, number):
        self.standing.pop(key, None)
        self.unused.append(number)

    # ---- messages

    def look(self, reply):
        for number, new, theta in reply.get("changed", ()):
            F = self.twins[number]
            for name, value in new.items():
                object.__setattr__(F, name, value)
            if theta is not None:
                F.theta = theta
            self.standing[id(F)][2:] = kept_by(F), theta_of(F)
        self.seen += reply.get("tape", ())
        for k, value in reply.get("written", ()):
            write_into(self.given[-1][k], value)
        for kind, words, file, line in reply.get("warned", ()):
            kind = WARNINGS.get(str(kind), RuntimeWarning)
            warnings.warn_explicit(str(words), kind, str(file), int(line))

    def sent(self, value, pack):
        if id(value) in self.standing:
            known = self.standing[id(value)]
            code, kept, theta = {"yours": known[1]}, {}, np.zeros(0)
            if isinstance(value, types.FunctionType | type):
                return code
            kept, theta = kept_by(value), theta_of(value)
            new = {n: a for n, a in kept.items() if known[2].get(n, known) is not a}
            if new:
                code["kept"] = pack(new)
            if not np.array_equal(theta, known[3], equal_nan=True):
                code["theta"] = pack(theta)
            known[2:] = kept, theta
            return code
        if isinstance(value, type) or not (is_ours(type(value)) or callable(value)):
            return thing(value)
        first = id(value) not in self.numbers
        code, theta = {"mine": self.number(value)}, theta_of(value)
        if first:
            code |= self.introduced(value, pack)
        if id(value) in self.once:
            self.once.remove(id(value))
            return code | {"once": True}
        if theta.size and not np.array_equal(theta, self.shown.get(id(value)), equal_nan=True):
            code["theta"] = pack(theta)
        self.shown[id(value)] = theta
        return code

    def introduced(self, value, pack):
        """How an object is built again on the other side, or what can be asked of it there."""
        try:
            kind = isinstance(value, Map)
            return (
                {"built": architecture(value) if kind else json.dumps(encoded(value, {}))}
                if is_ours(type(value))
                else {} | self.members(value, pack)
            )
        except TypeError:
            return self.members(value, pack)

    def members(self, value, pack):
        if isinstance(value, types.FunctionType | types.MethodType):
            return {}
        base = next((B for B in (Field, Map, Method, Activation) if isinstance(value, B)), object)
        names = [n for n in sorted(CONTRACT | {"lipschitz"}) if callable(getattr(value, n, None))]
        kept = {n: getattr(value, n, None) for n in ("dim_in", "dim_out", "order")}
        return {
            "base": base.__name__, "name": type(value).__name__, "methods": names,
            "kept": pack(kept),
        }  # fmt: skip

    def received(self, code, unpack):
        if "argument" in code:
            return self.given[-1][code["argument"]]
        if "yours" in code:
            return self.mine[code["yours"]]
        if "function" in code:
            return self.function(int(code["function"]), str(code["name"]), str(code["line"]))
        if "object" in code:
            described = unpack(code["of"])
            if described["class"] not in self.classes:
                self.stand_in(described, None)
            F = object.__new__(self.classes[described["class"]])
            return self.adopt(F, unpack(code["made"]))
        return self.twins[code["twin"]]

    def do(self, do, of, method, given, named):
        """A call of an object that was sent: of its contract, and nothing else."""
        thing = self.mine[of]
        allowed = method is None or method in CONTRACT | {"lipschitz"}
        if do != "call" or not allowed:
            raise PermissionError(f"an answer may not ask for {method}")
        value = (thing if method is None else getattr(thing, method))(*given, **named)
        if isinstance(value, tuple) and callable(value[-1]):
            self.once.add(id(value[-1]))
        return value


def write_into(argument, value):
    """Change an argument as the answer has changed it."""
    if isinstance(argument, np.ndarray):
        argument[...] = value
    elif isinstance(argument, dict):
        argument.clear()
        argument.update(value)
    elif isinstance(argument, list):
        argument[:] = value


def called(function, name, line):
    """A function by the name that one of the answer's has; it is one of the answer's for what looks
    at where it was written."""
    function.__module__, function.__name__, function.line = "answer", str(name), str(line)
    return function


def the_sheets_own(cls, given, named):
    """An object of the sheet's class, or None if it has none yet."""
    try:
        return cls(*given, **named)
    except Exception:
        return None


def copy_without_twin(F):
    """A copy of what F is on this side."""
    G = object.__new__(type(F))
    state = F.__getstate__() if hasattr(F, "_pieces") else vars(F)
    state = {name: copy.deepcopy(value) for name, value in state.items()}
    G.__setstate__(state) if hasattr(G, "__setstate__") else vars(G).update(state)
    return G


class Traced:
    """`tracemalloc` for a sheet: memory is here, or in the answer's process, whichever is more."""

    def __init__(self, marker):
        self.marker, self.since = marker, [(0, 0), (0, 0)]

    def both(self, name):
        return [getattr(tracemalloc, name)(), self.marker.ask(do="trace", name=name)]

    def __getattr__(self, name):
        return lambda: self.both(name)[0]

    def reset_peak(self):
        self.both("reset_peak")
        self.since = self.both("get_traced_memory")

    def get_traced_memory(self):
        """What has come since `reset_peak`, now and at most."""
        found = self.both("get_traced_memory")
        now = [np.subtract(a, b[0]) for a, b in zip(found, self.since, strict=True)]
        return tuple(int(n) for n in np.max(now, axis=0))


class Run:
    """A process of an answer, and what is asked of it."""

    def __init__(self, options):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        folder, readable = str(Path(self.folder.name).resolve()), list(options.readable)
        self.process, socket = fences.start(folder, readable, options.bubblewrap)
        self.marker, self.options = Marker(Channel(socket)), options
        self.within(START)
        self.marker.ask(seconds=options.seconds, memory=options.memory, readable=readable)

    def within(self, seconds):
        """What is asked must be answered in so many seconds from now."""
        self.marker.channel.deadline = time.monotonic() + seconds

    def load(self, sheet, submission, seed):
        """The sheet's questions, of the answer in a submission, and the first error in it."""
        cells, names = cells_of(submission), [*sheet.own, "Answer"]
        trusted = self.options.readable
        file = str(submission) if trusted else submission.name
        text = "\n".join(cells)
        linecache.cache[file] = len(text), None, text.splitlines(True), file
        space = sheet.space()
        if space.get("tracemalloc") is tracemalloc:
            space["questions"].__globals__["tracemalloc"] = Traced(self.marker)
        self.marker.bases = {name: space[name] for name in sheet.own}
        found, errors = self.marker.ask(
            do="load", cells=cells, names=names, others=list(trusted), file=file
        )
        error = Wrong(*map(str, errors[0])) if errors else None
        stand = {n: self.marker.stand_in(found[n], space[n]) for n in sheet.own if n in found}
        left, answer = [name for name in sheet.asked if name not in found], sheet.answer
        if left and "Answer" in found:
            stand["Answer"] = self.marker.stand_in(found["Answer"], space[left[0]])
            whole = not isinstance(stand["Answer"], type) and answer != left[0]
            answer, stand[left[0]] = "Answer" if whole else answer, stand["Answer"]
        elif left:
            raise error or Wrong(f"the submission defines no {' and no '.join(left)}")
        given = {"seed": seed} if "seed" in inspect.signature(space["questions"]).parameters else {}
        return numbered(space["questions"](eval(answer, space | stand), **given)), error

    def ask(self, question, before):
        """The Result of a question; one that failed if the tape has seen what is no answer."""
        self.marker.seen = []
        result = question.result(before)
        if self.marker.seen and result.verdict != "to do":
            return failed(question, *self.marker.seen[0])
        return result

    def end(self):
        fences.end(self.process)
        self.marker.channel.socket.close()
        self.folder.cleanup()


class Wrong(Exception):
    """Something is wrong with a submission as a whole; the message is what its student is told."""

    def __init__(self, words, line=""):
        super().__init__(words)
        self.words, self.line = words, line


def mark(sheet, submission, seed, options):
    """What came of each question, Results, and what is said of the submission as a whole, or "".

    A question that ends the answer's process, or takes too long, failed; a new process goes on with
    the next.
    """
    results, remark, spent, took, late = checks.Results(), "", 0.0, 0.0, False

    def add(words, line=""):
        results.append(failed(sheet.questions[len(results)], words, line))

    while len(results) < len(sheet.questions):
        run, begun, questions = Run(options), time.monotonic(), None
        try:
            run.within(AGAIN + 2 * took if late else max(AGAIN, options.seconds - spent))
            questions, error = run.load(sheet, submission, seed)
            took = time.monotonic() - begun
            remark = f"{error}\n    {error.line}".strip() if error else ""
            for question in questions[len(results) :]:
                if late:
                    run.within(AGAIN)
                results.append(run.ask(question, results))
        except Stopped as stop:
            after, slow = AGAIN if late else options.seconds, str(stop) == "time"
            late |= slow
            add(TIME.format(after) if slow else str(stop))
        except (Exception, SystemExit) as error:
            add(str(error) if isinstance(error, Unreadable) else words_of(error), line_of(error))
        finally:
            run.end()
            spent += time.monotonic() - begun
        while questions is None and len(results) < len(sheet.questions):  # there is no more of it
            results.append(waiting(sheet.questions[len(results)], results[-1]))
    return results, remark


def failed(question, words, line=""):
    return Result(question, np.inf, 0.0, words, line, "FAILED")


def waiting(question, before):
    """The Result of a question that cannot be asked, since nothing could after the one before."""
    first = before.detail.removeprefix("after ") if before.verdict == "waits" else before.number
    return Result(question, detail=f"after {first}", verdict="waits")
