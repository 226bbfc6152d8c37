"""The reference: each public name has its example, which is run, and each parameter its words; the list of names is kept."""

import contextlib
import doctest
import inspect
import re

import numpy as np
import pytest
from public import LIST, callables, listed

import dynsys_nn as dnn

CALLABLES = callables()
METHODS = {
    f"{name}.{member}": thing
    for name, cls in CALLABLES.items()
    if inspect.isclass(cls)
    for member, thing in inspect.getmembers(cls, inspect.isroutine)
    if member[0] != "_" and "\nParameters\n" in (inspect.getdoc(thing) or "")
}
#: whose defaults stand elsewhere: in the docstring that theirs names, or, of methods with a tableau, in RungeKutta
ELSEWHERE = {"datasets.fashion_mnist", "datasets.rings"} | {
    name
    for name, thing in CALLABLES.items()
    if inspect.isclass(thing) and issubclass(thing, dnn.RungeKutta) and thing.A
}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def parameters(thing):
    """The parameters of a function or of a class's constructor; none, where Python knows no signature."""
    try:
        found = inspect.signature(thing).parameters.values()
    except ValueError:
        return []
    return [p for p in found if p.name not in ("self", "cls") and p.kind is not p.VAR_KEYWORD]


def sections(text):
    """title → body of a docstring's sections, as numpydoc has them."""
    heads = [*re.finditer(r"^([A-Z][A-Za-z ]+)\n(-+)$", text, flags=re.M)]
    ends = [*[head.start() for head in heads[1:]], len(text)]
    return {head[1]: text[head.end() : end] for head, end in zip(heads, ends, strict=True)}


def defaults(words):
    """repr of the values that a text names by `default …`."""
    known, found = vars(dnn) | {"np": np, "NaN": np.nan}, []
    for said in re.findall(r"default\s+((?:\(.*?\)|[^\s,;:()])+)", words):
        with contextlib.suppress(NameError, SyntaxError):  # another use of the word
            found.append(repr(eval(said.rstrip(".").replace("−", "-"), known)))
    return found


def entries(body):
    """name → words of a section Parameters; `x, y : array` are two names."""
    found = {}
    for head, words in re.findall(
        r"^(\S.*)\n((?:[ ]{4}.*\n?|\n)*)", body.strip("\n") + "\n", flags=re.M
    ):
        names, _, kind = head.partition(" : ")
        found |= {name.strip(" *"): f"{kind}\n{words}" for name in names.split(",")}
    return found


@pytest.mark.parametrize("name", CALLABLES)
def test_every_public_name_has_an_example_that_runs(name):
    [example] = doctest.DocTestFinder(recurse=False).find(
        CALLABLES[name], name, globs={"np": np, "dnn": dnn}
    ) or [None]
    assert example and any(line.want for line in example.examples), f"{name} has no example: >>> …"
    said = []
    failed, _ = doctest.DocTestRunner(optionflags=FLAGS).run(example, out=said.append)
    assert not failed, "".join(said)


def test_the_example_of_the_package_runs():
    found = doctest.testmod(dnn, optionflags=FLAGS)
    assert found.attempted and not found.failed


@pytest.mark.parametrize("name", [*CALLABLES, *METHODS])
def test_every_parameter_is_named(name):
    thing = (CALLABLES | METHODS)[name]
    text, found = inspect.getdoc(thing) or "", parameters(thing)
    parts, prose = sections(text), text.split("\nExamples\n")[0]
    known = [title for title in ("Parameters", "Returns", "Raises", "Examples") if title in parts]
    assert [*parts] == known, f"{name} has the sections {[*parts]}: others, or in another order"
    missing = [p.name for p in found if not re.search(rf"(?<!\w){p.name}(?!\w)", prose)]
    assert not missing, f"the docstring of {name} does not say what {', '.join(missing)} is"
    listed = entries(parts.get("Parameters", ""))
    if len(found) > 3 or listed:
        assert [*listed] == [p.name for p in found], (
            f"{name} needs a section Parameters, in the order of the signature"
        )
    for p in found:
        where = listed[p.name].split("\n")[0] if listed else prose
        said = p.default is p.empty or repr(p.default) in defaults(where)
        assert said or name in ELSEWHERE, f"{name} does not say: {p.name}, default {p.default!r}"


def test_public_names_and_signatures_are_those_of_the_list():
    kept, now = LIST.read_text(encoding="utf-8").splitlines(), [*listed()]
    gone, new = (
        [line for line in kept if line not in now],
        [line for line in now if line not in kept],
    )
    assert not gone + new, (
        f"gone: {gone}, new: {new}; a name that is promised stays; then python tests/public.py > tests/public.txt"
    )
