"""What stands, where the questions are asked, for the objects of an answer's process.

A stand-in is of a class that derives from the sheet's own, so that it is a field, a method or an
activation as the sheet wants it. Its methods ask the answer's process. Its parameters, and what it
keeps on itself, are those of the object there, its twin: what changes on one side is sent with the
next message.
"""

import contextlib
import copy
import inspect
import json
import tracemalloc
import types
import warnings
import weakref

import numpy as np

from ..activations import Activation
from ..arguments import arguments, is_ours, same
from ..arguments.doors import CONTRACT
from ..fields import Field
from ..files import architecture, encoded, public
from ..integrators import Method
from ..maps import Map
from .answer import BOOKS, kept_by, theta_of
from .messages import Peer, thing

WARNINGS = {kind.__name__: kind for kind in Warning.__subclasses__()}


class Marker(Peer):
    """The side of the questions."""

    def __init__(self, channel):
        super().__init__(channel)
        self.bases, self.seen = {}, []
        self.file, self.trusted = "", ()  # the submission, and folders that its lines may be in
        self.once = set()  # ids of pullbacks that are sent, and kept as long as the answer wants
        self.given = []  # the arguments of calls that are not answered yet, the last one last
        self.twins, self.standing = {}, {}  # number → stand-in; id → [stand-in, number, kept, θ]
        self.away = weakref.WeakValueDictionary()
        self.shown = {}  # id of an object of the package → θ as it was sent
        self.classes = {}
        self.likes = {}  # id of a stand-in → the sheet's own object that was made alike

    # ---- stand-ins

    def stand_in(self, code, base):
        """What stands for a class or function of the answer's; base: that of the sheet."""
        if not isinstance(code, dict) or "methods" not in code:
            return code
        number = code["class"]
        base = next((B for n, B in self.bases.items() if n in code["mro"]), base)
        base = base if isinstance(base, type) else object
        of_the_sheet = {C.__name__ for C in base.__mro__}
        body = dict(code["attributes"])
        for name in code["properties"]:
            body[name] = property(lambda F, name=name: self.ask(do="get", of=F, name=name))
        for name, home, line in code["methods"]:
            if home not in of_the_sheet:
                body[name] = self.forwards(name, line, is_given(base, name))
        body = {name: a for name, a in body.items() if name[:1] != "_" or name == "__call__"}

        def __init__(F, *given, **named):
            like = the_sheets_own(base, given, named)
            self.given.append(given)
            try:
                made = self.ask(
                    do="new", cls=cls, given=given, named=named, bases=sorted(of_the_sheet),
                    attributes=None if like is None else dir(like),
                )  # fmt: skip
            finally:
                self.given.pop()
            self.adopt(F, made, base, given, named)
            self.likes[id(F)] = like
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
        keep(F, made["kept"])
        self.twins[made["twin"]] = F
        self.standing[id(F)] = [F, made["twin"], kept_by(F), theta_of(F)]
        return F

    def forwards(self, method, line, compared):
        """A method of a stand-in that asks the answer. line: that of its `return`; compared:
        whether the sheet has it, too."""

        def forward(F, *given, **named):
            value = self.call(F, method, given, named)
            if compared and not self.as_on_the_sheet(F, method, given, named, value):
                name = type(F).__name__
                words = f"{method} of {name} is given on the sheet, and here gives something else"
                self.seen.append((words, line))
            return value

        return called(forward, method, line)

    def as_on_the_sheet(self, F, method, given, named, value):
        """Whether a value is that of the sheet's own object, so far as this one has its θ."""
        like = self.likes.get(id(F))
        if not isinstance(value, np.ndarray | float) or like is None:
            return True
        try:
            if list(like._pieces) == list(F._pieces):
                like.theta = F.theta
            elif not np.array_equal(like.theta, F.theta):
                return True
            keep(like, kept_by(F))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return np.allclose(getattr(like, method)(*given, **named), value, 1e-6, 1e-9)
        except Exception:  # they cannot be compared
            return True

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

    def array(self, value, arrays):
        if tracemalloc.is_tracing() and isinstance(value, np.ndarray):
            self.away[hash(value.tobytes())] = value
        return super().array(value, arrays)

    def arrived(self, a):
        """The array, or, while a sheet measures memory, the one that was sent and comes back: it is
        one state, as where answer and questions are in one process."""
        sent = self.away.get(hash(a.tobytes())) if len(self.away) else None
        return sent if sent is not None and same(sent, a) else a

    def fail(self, error, file, line):
        """Raise an error of the answer in a frame that is in the answer's own line."""
        if not self.is_the_answers(file):
            raise error
        code = compile("\n" * (min(line, 10**5) - 1) + "raise error", file, "exec")
        exec(code, {"error": error})

    def is_the_answers(self, file):
        """Whether lines of a file may be shown: no answer chooses which."""
        return file == self.file or bool(self.trusted) and file.startswith(self.trusted)

    def look(self, reply):
        for number, new, theta in reply.get("changed", ()):
            F = self.twins[number]
            keep(F, new)
            if theta is not None:
                F.theta = theta
            self.standing[id(F)][2:] = kept_by(F), theta_of(F)
        self.seen += reply.get("tape", ())
        for k, value in reply.get("written", ()):
            write_into(self.given[-1][k], value)
        for kind, words, file, line in reply.get("warned", ()):
            kind = WARNINGS.get(str(kind), RuntimeWarning)
            file = file if self.is_the_answers(file) else "dynsys_nn"
            warnings.warn_explicit(str(words), kind, file, int(line))

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
        if isinstance(value, types.FunctionType | types.MethodType):
            return {}
        if is_ours(type(value)):
            with contextlib.suppress(TypeError, ValueError, AttributeError):
                return {"built": built(value)}
            if public(type(value).__name__) is type(value):  # as a field of functions
                return {"made": type(value).__name__, "from": pack(dict(arguments(value)))}
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


def built(thing):
    """How an object of the package was built, as a string; TypeError if that cannot be said."""
    return architecture(thing) if isinstance(thing, Map) else json.dumps(encoded(thing, {}))


def keep(F, kept):
    """Let F keep what its twin keeps."""
    for name, value in kept.items():
        if name not in BOOKS and name[:2] != "__":
            object.__setattr__(F, name, value)


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


def is_given(base, name):
    """Whether a class of the sheet has a method that is not to be written."""
    home = next((C for C in base.__mro__ if name in vars(C)), object)
    body = inspect.unwrap(vars(home).get(name))
    return home.__module__ == "<run_path>" and isinstance(body, types.FunctionType) and (
        "NotImplementedError" not in body.__code__.co_names
    )  # fmt: skip


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
