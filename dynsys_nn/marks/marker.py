"""The marks of one submission: the questions of the lecturer's sheet, asked of the stand-ins of
what the submission defines."""

import ast
import hashlib
import inspect
import linecache
import re
import runpy
import tempfile
import time
import tracemalloc
import types
from pathlib import Path

import numpy as np

from .. import checks
from ..checks.errors import line_of, words_of
from ..checks.sheet import Result, numbered
from . import fences
from .messages import Channel, Stopped
from .standins import Marker
from .submission import Unreadable, cells_of

START, AGAIN = 60, 2  # seconds for Python to start, and for a question after a first time-out
TIME = "it took more than {:g} s: is there a loop without an end?"


class Sheet:
    """A sheet, and the expression that it passes to its questions."""

    def __init__(self, path):
        self.path = Path(path).resolve()
        text = self.path.read_bytes()
        title = re.search(r"(?m)^# # (.+)", text.decode("utf-8", "replace"))
        self.title = title[1].strip() if title else self.path.stem
        calls = [
            node
            for node in ast.walk(ast.parse(text))
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
        try:
            self.process, socket = fences.start(folder, readable, options.bubblewrap)
        except BaseException:  # there is no process: nothing else will end it
            self.folder.cleanup()
            raise
        self.marker, self.options = Marker(Channel(socket)), options
        self.within(START)
        try:
            self.marker.ask(seconds=options.seconds, memory=options.memory, readable=readable)
        except Stopped as stop:
            self.end()
            raise RuntimeError(f"the process of an answer does not start: {stop}") from None

    def within(self, seconds):
        """What is asked must be answered in so many seconds from now."""
        self.marker.channel.deadline = time.monotonic() + seconds

    def load(self, sheet, submission, cells, seed):
        """The sheet's questions, of the answer in the cells of a submission, and the first error in
        them. The answer is what they call Answer, as solutions do, or else by the sheet's name."""
        names, trusted = [*sheet.own, "Answer"], self.options.readable
        file = str(submission) if trusted else submission.name
        text = "\n".join(cells)
        linecache.cache[file] = len(text), None, text.splitlines(True), file
        self.marker.file, self.marker.trusted = file, tuple(trusted)
        space = sheet.space()
        if space.get("tracemalloc") is tracemalloc:
            space["questions"].__globals__["tracemalloc"] = Traced(self.marker)
        self.marker.bases = {name: space[name] for name in sheet.own}
        found, errors = self.marker.ask(
            do="load", cells=cells, names=names, others=list(trusted), file=file
        )
        error = Wrong(*map(str, errors[0])) if errors else None
        stand = {n: self.marker.stand_in(found[n], space[n]) for n in sheet.own if n in found}
        answer, left = sheet.answer, [name for name in sheet.asked if name not in found]
        own = found.get("Answer")  # what is no class and no object of the submission's is no answer
        an_answer = isinstance(own, dict) and "methods" in own or id(own) in self.marker.standing
        if an_answer and "Answer" not in sheet.own and sheet.asked:
            name = sheet.asked[0]
            stand[name] = stand["Answer"] = self.marker.stand_in(found["Answer"], space[name])
            if not isinstance(stand[name], type) and answer != name:  # an object, and no class
                answer = "Answer"
        elif left:
            raise error or Wrong(f"the submission defines no {' and no '.join(left)}")
        for name in sheet.asked if answer != "Answer" else ():
            if isinstance(space[name], type) and not isinstance(stand[name], type):
                raise Wrong(f"{name} is to be a class, as on the sheet, got {stand[name]!r:.80}")
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
    the next that does not wait for it.
    """
    results, remark, spent, took, late = checks.Results(), "", 0.0, 0.0, False

    def add(words, line=""):
        results.append(failed(sheet.questions[len(results)], words, line))

    try:
        cells = cells_of(submission)
    except Unreadable as error:
        cells = None
        add(str(error))
    while cells and (left := sheet.questions[len(results) :]):
        if any(r.number in left[0].after and not r.passed for r in results):  # it waits
            results.append(left[0].result(results))
            continue
        run, begun, questions = Run(options), time.monotonic(), None
        try:
            run.within(AGAIN + 2 * took if late else max(AGAIN, options.seconds - spent))
            questions, error = run.load(sheet, submission, cells, seed)
            took = time.monotonic() - begun
            remark = f"{error}\n    {error.line}".strip() if error else ""
            for question in questions[-len(left) :]:
                if late:
                    run.within(AGAIN)
                results.append(run.ask(question, results))
        except Stopped as stop:
            after, slow = AGAIN if late else options.seconds, str(stop) == "time"
            late |= slow
            add(TIME.format(after) if slow else str(stop))
        except (Exception, SystemExit) as error:
            add(words_of(error), line_of(error))
        finally:
            run.end()
            spent += time.monotonic() - begun
        if questions is None:  # there is no more of it
            break
    for question in sheet.questions[len(results) :]:
        results.append(waiting(question, results[-1]))
    return results, remark


def failed(question, words, line=""):
    return Result(question, np.inf, 0.0, words, line, "FAILED")


def waiting(question, before):
    """The Result of a question that cannot be asked, since nothing could after the one before."""
    first = before.detail.removeprefix("after ") if before.verdict == "waits" else before.number
    return Result(question, detail=f"after {first}", verdict="waits")
