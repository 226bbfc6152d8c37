"""A sheet: its questions, what is said of an answer to each, and what comes next.

A question is asked once those that it comes after are right, so that a mistake is said once and not
again by all that follows from it. Each has one line, and below it, indented, what is wrong.
"""

import contextlib
import linecache
import sys
import textwrap
import warnings

import numpy as np

from ..arguments import instance, number, refuse
from ..maps import html
from .check import HEAD, Check, cells
from .errors import line_of, words_of

#: columns of what is printed, and letters that an answer may print at a question
WIDTH, LETTERS = 88, 2000


class Question:
    """A question of a sheet: "2.3 adjoint, two batch axes" is the third of task 2.

    Parameters
    ----------
    name : str
        Its number, a space, and what is asked.
    ask : function without arguments
        Returns a Check, or raises NotImplementedError with the task, if there is no answer yet.
    points : float ≥ 0, default 1
        What it is worth.
    after : str, or list of str, default ()
        The numbers of questions that must be right before it is asked, as "1.1" or ["1.1", "2.1"].

    Examples
    --------
    >>> def square():
    ...     return dnn.checks.compared("3²", 3**3, 9, mistakes={"this is 3³": 27})
    >>> def root():
    ...     return dnn.checks.compared("√9", 9**0.5, 3)
    >>> first = dnn.checks.Question("1.1 the square of 3", square)
    >>> second = dnn.checks.Question("1.2 its root", root, after="1.1")
    >>> result = first.result()
    >>> print(result.verdict, result.known)
    FAILED this is 3³
    >>> second.result([result]).verdict
    'waits'
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
        with warnings.catch_warnings(record=True) as warned:
            result = self.answered()
        for w in warned[:1]:
            result.finding = result.known
            result.finds(f"a warning on the way: {w.message}")
            result.line = result.line or linecache.getline(w.filename, w.lineno).strip()
        return result

    def answered(self):
        """The Result of asking; an error in the answer, whatever it is, is one that failed."""
        try:
            c = instance(self.ask(), Check, "a question returns a Check")
            result = Result(self, c.measured, c.limit, c.detail, c.line, c.verdict, c.finding)
            result.name += f" {c.name}" * (self.name == self.number)
            return result
        except NotImplementedError as task:
            return Result(self, detail=task, verdict="to do")
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return Result(self, np.inf, 0.0, words_of(error), line_of(error), "FAILED")


class Result(Check):
    """What came of a question: its name and points, and what a check has.

    `Question.result` makes it, and `print` shows it, with what is known below.

    Parameters
    ----------
    question : Question
        Which was asked, or waits.
    measured : float, default NaN
        That of its check; NaN: there was none.
    limit : float, default NaN
        That of its check.
    detail : str, default ""
        What was compared; or what is to do, or waited for.
    line : str, default ""
        The line of source that an error comes from.
    verdict : str, default None
        "passed", "FAILED", "unsure", "to do", or "waits" for questions that it comes after; None:
        not known yet.
    finding : str, default ""
        What is known of a mistake.

    Examples
    --------
    >>> def ask():
    ...     raise NotImplementedError("write square(x)")
    >>> print(dnn.checks.Question("1.1 square", ask).result())
    to do   1.1 square
            write square(x)
    """

    verdict = None

    def __init__(
        self, question, measured=np.nan, limit=np.nan, detail="", line="", verdict=None, finding=""
    ):
        super().__init__(question.name, measured, limit, detail)
        self.number, self.points = question.number, question.points
        self.line, self.verdict, self.finding = line, verdict, finding

    @property
    def passed(self):
        """True of a question that is answered rightly."""
        return self.verdict == "passed"

    @property
    def known(self):
        """What is wrong, or to do, or waited for; of a right answer what is to be remarked."""
        return self.finding if self.passed else self.finding or self.detail

    @property
    def diagnosis(self):
        """What is known, and the line of the answer; "" if it is right and without a remark."""
        return self.known + (f"\n    {self.line}" if self.line else "")

    def __str__(self):
        """A line of at most 88 characters, and the diagnosis indented below it."""
        if self.verdict == "waits":
            return cut(f"waits   {self.name:<41}{self.detail}")
        numbers = f"measured {self.measured:8.1e}  limit {self.limit:8.1e}"
        line = f"{self.verdict:<8}{self.name:<40} {numbers}"
        first = f"to do   {self.name}" if self.verdict == "to do" else line
        below = textwrap.wrap(self.known, WIDTH - 8)
        code = [f"    {self.line}"] if self.line else []
        return "\n".join([cut(first), *(cut(f"        {words}") for words in (*below, *code))])

    __repr__ = __str__


class Results(list):
    """The results of a sheet, a list of one Result for each question; in a notebook a table.

    iterable: the Results, default ().

    Examples
    --------
    >>> def square():
    ...     return dnn.checks.compared("3²", 3**2, 9)
    >>> def root():
    ...     return dnn.checks.compared("√9", 9**2, 3)
    >>> first = dnn.checks.Question("1.1 the square of 3", square, points=2)
    >>> second = dnn.checks.Question("2.1 its root", root)
    >>> results = dnn.checks.Results([first.result(), second.result()])
    >>> results.passed
    False
    >>> results.end
    '1 of 2 right, 2 of 3 points; next: task 2'
    """

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
        """End a script, with status 0 only if all is right; nothing in a notebook, or where Python
        goes on, as after `python -i`."""
        if notebook() is None and not sys.flags.interactive:
            sys.exit(0 if self.passed else 1)

    def __str__(self):
        return "\n".join([*map(str, self), self.end])

    def __repr__(self):
        return self.end

    def _repr_html_(self):
        weighted = any(r.points != 1 for r in self)
        rows = [("question", *HEAD, *["points"] * weighted)]
        rows += [(*cells(r, ".1e"), *[f"{r.points:g}"] * weighted) for r in self]
        return html(rows, [(r.known, r.line) for r in self]) + f"<p>{self.end}</p>"

    shown = None

    def _ipython_display_(self):
        """Show the table, or where there are none the lines; once a cell, as `run` did."""
        cell = notebook().execution_count
        if self.shown != cell:
            self.shown = cell
            formats = {"text/plain": str(self), "text/html": self._repr_html_()}
            sys.modules["IPython"].display.display(formats, raw=True)


def run(questions):
    """Ask each question in its turn, print what is said of the answer, and return the Results, one
    for each question, those to do and those that wait included.

    questions: a list of Questions, or of functions without arguments that return a Check, which are
    then numbered, and called by the name of the check. An error in an answer is a question that
    failed, with the line it comes from. In a notebook the results are a table.

    Examples
    --------
    >>> def square():
    ...     return dnn.checks.compared("3²", 3**2, 9)
    >>> def root():
    ...     raise NotImplementedError("write root(x)")
    >>> results = dnn.checks.run([square, root])
    passed  1 3²                           measured  0.0e+00  limit  1.0e-10
    to do   2
            write root(x)
    1 of 2 right; next: task 2
    """
    results, in_a_notebook = Results(), notebook() is not None
    for question in numbered(questions):
        with contextlib.redirect_stdout(FewLetters(sys.stdout)) as few:
            results.append(question.result(results))
        if few.left < 0:
            print(f"\n        … and {-few.left} more letters are printed by the answer")
        if not in_a_notebook:
            print(results[-1], flush=True)
    if in_a_notebook:
        results._ipython_display_()
    else:
        print(results.end, flush=True)
    return results


class FewLetters:
    """A stream that passes the first letters on, and counts those after them."""

    def __init__(self, stream):
        self.stream, self.left = stream, LETTERS

    def write(self, text):
        self.stream.write(text[: max(0, self.left)])
        self.left -= len(text)
        return len(text)

    def __getattr__(self, name):
        return getattr(self.stream, name)


def numbered(questions):
    """The questions; ValueError if two have the same number, or one comes after none that is before
    it."""
    questions = [
        q if isinstance(q, Question) else Question(k, q) for k, q in enumerate(questions, 1)
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


def cut(line):
    """The line, or as much of it as fits."""
    return line if len(line) <= WIDTH else line[: WIDTH - 2] + " …"


def notebook():
    """The shell of a notebook, or of a console that shows what it is given; None elsewhere."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return None if "Terminal" in type(shell).__name__ else shell
