"""A sheet: its questions, what is said of an answer to each, and what comes next.

A question is asked once those that it comes after are right, so that a mistake is said once and not
again by all that follows from it. Each has one line, and below it, indented, what is wrong.
"""

import sys
import textwrap

import numpy as np

from ..arguments import CHANGED, instance, number, refuse, writes_to_a_view
from ..maps import html
from .check import HEAD, Check, cells, line_of

WIDTH = 88


class Question:
    """A question of a sheet: "2.3 adjoint, two batch axes" is the third of task 2.

    ask: a function without arguments that returns a Check, or raises NotImplementedError with the
    task, if there is no answer yet. points: what it is worth, a number ≥ 0. after: the numbers of
    questions that must be right before it is asked, as "1.1" or ("1.1", "2.1").
    """

    def __init__(self, name, ask, points=1, after=()):
        refuse(not callable(ask), f"ask must be a function that returns a Check, got {ask!r}")
        refuse(not number(points, "points") >= 0, f"points must be at least 0, got {points!r}")
        self.name, self.ask, self.points = str(name), ask, points
        self.after = (after,) if isinstance(after, str) else tuple(after)

    @property
    def number(self):
        """ "2.3" of "2.3 adjoint, two batch axes"."""
        return self.name.split(" ")[0]

    def result(self, before=()):
        """The Result, after those of the questions before it."""
        wrong = {r.number for r in before if not r.passed}
        missing = [after for after in self.after if after in wrong]
        if missing:
            return Result(self, detail=f"after {', '.join(missing)}", verdict="waits")
        try:
            c = instance(self.ask(), Check, "a question returns a Check")
            return Result(self, c.measured, c.limit, c.detail, c.line, c.verdict)
        except NotImplementedError as task:
            return Result(self, detail=task, verdict="to do")
        except (Exception, SystemExit) as error:
            return Result(self, np.inf, 0.0, words_of(error), line_of(error), "FAILED")


class Result(Check):
    """What came of a question: its name and points, and verdict, measured, limit, detail and line
    of a check.

    verdict: "passed", "FAILED", "unsure", "to do", or "waits" for questions that it comes after.
    """

    verdict = None

    def __init__(self, question, measured=np.nan, limit=np.nan, detail="", line="", verdict=None):
        super().__init__(question.name, measured, limit, detail)
        self.number, self.points = question.number, question.points
        self.line, self.verdict = line, verdict

    @property
    def passed(self):
        """True of a question that is answered rightly."""
        return self.verdict == "passed"

    @property
    def diagnosis(self):
        """What is wrong, or to do, or waited for, and the line of the answer; "" if it is right."""
        line = f"\n    {self.line}" if self.line else ""
        return "" if self.passed else self.detail + line

    @property
    def note(self):
        """What is said below the row of a table: the diagnosis, and the line."""
        return ("", "") if self.passed else (self.detail, self.line)

    def __str__(self):
        """A line of at most 88 characters, and the diagnosis indented below it."""
        if self.verdict == "waits":
            return cut(f"waits   {self.name:<41}{self.detail}")
        numbers = f"measured {self.measured:8.1e}  limit {self.limit:8.1e}"
        line = f"{self.verdict:<8}{self.name:<40} {numbers}"
        first = f"to do   {self.name}" if self.verdict == "to do" else line
        below = [] if self.passed else textwrap.wrap(self.detail, WIDTH - 8)
        code = [f"    {self.line}"] if self.line else []
        return "\n".join([cut(first), *(cut(f"        {words}") for words in (*below, *code))])

    __repr__ = __str__


class Results(list):
    """The results of a sheet, one for each question; in a notebook a table."""

    @property
    def passed(self):
        """True if all is right."""
        return all(result.passed for result in self)

    @property
    def points(self):
        """(those reached, those there are)."""
        return sum(r.points for r in self if r.passed), sum(r.points for r in self)

    @property
    def end(self):
        """The last line of a sheet: "3 of 5 right; next: task 2"."""
        right = [result for result in self if result.passed]
        words = f"{len(right)} of {len(self)} right"
        if any(result.points != 1 for result in self):
            words += ", {:g} of {:g} points".format(*self.points)
        left = [result for result in self if not result.passed]
        return words + (f"; next: task {left[0].number.split('.')[0]}" if left else "")

    def exit(self):
        """End a script, with status 0 only if all is right; in a notebook the table."""
        if not in_a_notebook():
            sys.exit(0 if self.passed else 1)
        return self

    def __str__(self):
        return "\n".join([*map(str, self), self.end])

    def __repr__(self):
        return self.end

    def _repr_html_(self):
        weighted = any(r.points != 1 for r in self)
        rows = [("question", *HEAD, *["points"] * weighted)]
        rows += [(*cells(r, ".1e"), *[f"{r.points:g}"] * weighted) for r in self]
        return html(rows, [r.note for r in self]) + f"<p>{self.end}</p>"


def run(questions):
    """Ask each question in its turn, print what is said of the answer, and return the Results, one
    for each question, those to do and those that wait included.

    questions: Questions, or functions without arguments that return a Check, which are then
    numbered. An error in an answer is a question that failed, with the line it comes from. In a
    notebook nothing is printed: the results are a table.
    """
    results, quiet = Results(), in_a_notebook()
    for question in numbered(questions):
        results.append(question.result(results))
        if not quiet:
            print(results[-1], flush=True)
    if not quiet:
        print(results.end, flush=True)
    return results


def numbered(questions):
    """The questions; ValueError if two have the same number, or one comes after none that is before
    it."""
    questions = [
        q if isinstance(q, Question) else Question(f"{k} question", q)
        for k, q in enumerate(questions, 1)
    ]
    for k, question in enumerate(questions):
        before = [q.number for q in questions[:k]]
        refuse(question.number in before, f"two questions have the number {question.number}")
        for after in question.after:
            refuse(
                after not in before,
                f"question {question.number} comes after {after!r}, which is not before it: "
                f"there are {', '.join(before) or 'none'}",
            )
    return questions


def words_of(error):
    """What is said of an error in an answer."""
    if writes_to_a_view(error):
        return CHANGED
    if isinstance(error, SystemExit):
        return "the answer ends Python: leave out exit()"
    return f"{type(error).__name__}: {error}"


def cut(line):
    """The line, or as much of it as fits."""
    return line if len(line) <= WIDTH else line[: WIDTH - 2] + " …"


def in_a_notebook():
    """Whether a notebook shows what a cell returns."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")
