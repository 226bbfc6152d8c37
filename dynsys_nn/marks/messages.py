"""What marker and answer send each other: JSON, and beside it the bytes of arrays. No pickle, so
that reading a message runs nobody's code; no message longer than LIMIT, nor its JSON than TEXT.

Numbers, strings, tuples, lists, dicts and arrays go by value. Objects and functions stay where they
are and go as a number, by which the other side calls them. Anything else arrives as a `Thing` whose
class has the same name, which is all that an error message says of it.
"""

import builtins
import itertools
import json
import math
import struct
import time
from fractions import Fraction

import numpy as np

from ..arguments import WrongResult
from ..checks.errors import answer_in, line_of, words_of
from ..integrators import NotConverged

LIMIT, TEXT = 64 << 20, 4 << 20  # bytes; JSON takes some thirty times as much when it is read
HEAD = struct.Struct(">II")
SEVERAL = {"tuple": tuple, "list": list, "set": set, "frozenset": frozenset}
#: errors that arrive as what they are; others as the nearest of these, by their own name
ERRORS = {"WrongResult": WrongResult, "NotConverged": NotConverged} | {
    name: kind
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, Exception | SystemExit)
    if not issubclass(kind, UnicodeError)  # which take five arguments
}


class Stopped(KeyboardInterrupt):
    """The other side does not answer: it took too long, ended, or sent what cannot be read. As
    Ctrl-C does, it goes through whatever catches errors."""


class Channel:
    """Messages through a socket, until a deadline if there is one."""

    def __init__(self, socket):
        self.socket, self.deadline = socket, None

    def send(self, code, arrays):
        text, body = json.dumps(code).encode(), b"".join(arrays)
        if len(text) > TEXT or len(text) + len(body) > LIMIT:
            raise ValueError(
                f"more than {LIMIT >> 20} MB of arrays, or {TEXT >> 20} MB of other things, go "
                "from the answer to the checks at once"
            )
        self.within_time(self.socket.sendall, HEAD.pack(len(text), len(body)) + text + body)

    def receive(self):
        """The code, and the bytes of its arrays."""
        text, body = HEAD.unpack(self.read(HEAD.size))
        if text > TEXT or text + body > LIMIT:
            raise Stopped("the answer sends too much")
        both = self.read(text + body)
        try:
            return json.loads(both[:text]), both[text:]
        except (ValueError, RecursionError):
            raise Stopped("the answer sends what cannot be read") from None

    def read(self, n):
        found, done = bytearray(n), 0
        while done < n:
            got = self.within_time(self.socket.recv_into, memoryview(found)[done:])
            if not got:
                raise Stopped("the answer ends its own process")
            done += got
        return found

    def within_time(self, action, *given):
        left = None if self.deadline is None else self.deadline - time.monotonic()
        try:
            if left is not None and left <= 0:
                raise TimeoutError
            self.socket.settimeout(left)
            return action(*given)
        except TimeoutError:
            raise Stopped("time") from None
        except OSError:
            raise Stopped("the answer ends its own process") from None


class Thing:
    """Something of the other side that has no value here."""

    def __init__(self, text):
        self._text = text

    def __repr__(self):
        return self._text


class Peer:
    """One of the two sides: it asks the other one, and meanwhile answers what it is asked itself.

    A subclass says how objects are sent, `sent(value, pack)`, what is made of a code,
    `received(code, unpack)`, and does what it is asked, `do(do, …)`.
    """

    def __init__(self, channel):
        self.channel, self.mine, self.numbers = channel, {}, {}
        self.count, self.unused = itertools.count(1), []

    def ask(self, **message):
        """What the other side makes of a message; its error is raised here."""
        self.post(message)
        while True:
            reply = self.take()
            if "do" not in reply:
                self.look(reply)
                if "error" in reply:
                    self.fail(error_of(reply), *reply["place"])
                return reply["value"]
            self.serve(reply)

    def serve(self, message):
        """Do what is asked, and send what comes of it."""
        try:
            self.post({"value": self.do(**message)} | self.beside())
            return
        except Stopped:
            raise
        except BaseException as error:
            self.post(code_of(error) | self.beside())

    def arrived(self, a):
        """An array of the other side, as it is kept here."""
        return a

    def fail(self, error, file, line):
        """Raise an error of the other side, which comes from that line."""
        raise error

    def look(self, reply):
        """What came beside an answer."""

    def beside(self):
        """What goes beside an answer."""
        return {}

    def number(self, thing):
        """The number by which the other side knows an object of this one; it is kept."""
        if id(thing) not in self.numbers:
            number = self.numbers[id(thing)] = next(self.count)
            self.mine[number] = thing
        return self.numbers[id(thing)]

    def forget(self, numbers):
        """What the other side has no use for any more."""
        for number in numbers:
            self.numbers.pop(id(self.mine.pop(number, None)), None)

    def post(self, message):
        arrays, self.met = [], {}
        gone, self.unused = self.unused, []
        message = message | {"gone": gone} if gone else message
        self.channel.send({k: self.pack(v, arrays) for k, v in message.items()}, arrays)

    def take(self):
        (code, body), self.found = self.channel.receive(), []
        try:
            message = {k: self.unpack(v, body) for k, v in code.items()}
            self.forget(message.pop("gone", ()))
            return message
        except Exception:
            raise Stopped("the answer sends what cannot be read") from None

    def pack(self, value, arrays):
        """`value` as what JSON knows; the bytes of its arrays are appended."""
        if value is None or type(value) in (bool, float, str):
            return value
        if type(value) is int and abs(value) < 1 << 128:
            return value
        if type(value) is Fraction:
            return {"fraction": [str(value.numerator), str(value.denominator)]}
        if type(value) is complex:
            return {"complex": [value.real, value.imag]}
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufcSU":
            return self.array(value, arrays)
        if isinstance(value, np.ndarray):
            return {"objects": value.shape}
        kind = next((kind for name, kind in SEVERAL.items() if isinstance(value, kind)), None)
        if kind is not None:
            return {kind.__name__: [self.pack(entry, arrays) for entry in value]}
        if type(value) is dict:
            pairs = [(self.pack(k, arrays), self.pack(v, arrays)) for k, v in value.items()]
            return {"dict": pairs}
        return self.sent(value, lambda value: self.pack(value, arrays))

    def array(self, value, arrays):
        """An array; one that is there twice is so on the other side, too."""
        if isinstance(value, np.ndarray) and id(value) in self.met:
            return {"again": self.met[id(value)][0]}
        start, a = sum(map(len, arrays)), np.asarray(value)
        arrays.append(a.tobytes())
        self.met[id(value)] = len(self.met), value
        how = 2 if isinstance(value, np.generic) else int(a.flags.writeable)
        return {"array": [a.dtype.str, a.shape, start, how]}

    def unpack(self, code, body):
        """What was packed; arrays of this side's own."""
        if not isinstance(code, dict):
            return code
        kind = next(iter(code))
        if kind == "fraction":
            return Fraction(*map(int, code[kind]))
        if kind == "complex":
            return complex(*code[kind])
        if kind == "array":
            dtype, shape, start, how = code[kind]
            dtype, n = np.dtype(dtype), math.prod(abs(n) for n in shape)
            a = np.frombuffer(body, dtype, n, start) if n else np.zeros(0, dtype)
            a = a.reshape(shape).copy()
            a.flags.writeable = how > 0
            a = self.arrived(a)
            self.found.append(a)
            return a[()] if how == 2 else a
        if kind == "again":
            return self.found[code[kind]]
        if kind == "objects":
            return np.empty([min(n, 10) for n in code[kind]][:3], object)
        if kind in SEVERAL:
            return SEVERAL[kind](self.unpack(c, body) for c in code[kind])
        if kind == "dict":
            return {self.unpack(k, body): self.unpack(v, body) for k, v in code[kind]}
        if kind == "thing":
            return type(str(code[kind]), (Thing,), {})(str(code["text"]))
        return self.received(code, lambda code: self.unpack(code, body))


def thing(value):
    """The code of what has no value on the other side."""
    try:
        text = repr(value)[:200]
    except BaseException:
        text = f"<{type(value).__name__}>"
    return {"thing": type(value).__name__, "text": text}


def code_of(error):
    """What a message says of an error: its class, with those that it derives from, its text, and
    what a student is told, in words and by the line; and where that is, its file and number."""
    try:
        text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)[:4000]
        said = words_of(error)[:4000], line_of(error)
        place = next(((f.f_code.co_filename, n) for f, n in reversed(answer_in(error))), ("", 0))
    except BaseException:
        text, said, place = "", (type(error).__name__, ""), ("", 0)
    kinds = [kind.__name__ for kind in type(error).__mro__]
    return {"error": kinds, "text": text, "said": said, "place": place}


def error_of(reply):
    """The error in a reply."""
    kinds, text = [str(kind) for kind in reply["error"]], str(reply["text"])
    nearest = next((ERRORS[kind] for kind in kinds if kind in ERRORS), Exception)
    kind = nearest if nearest.__name__ == kinds[0] else type(kinds[0], (nearest,), {})
    error = kind(text)
    error.words, error.line = map(str, reply["said"])
    return error
