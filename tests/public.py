"""The public names of the package with their signatures: what a version 1 promises to keep.

`python tests/public.py` prints the list that stands in `tests/public.txt`.
"""

import inspect
from pathlib import Path

import dynsys_nn as dnn

LIST = Path(__file__).with_name("public.txt")
#: members without an underscore by which the package's own parts find each other: no promise
INNER = {
    "doors",
    "facts",
    "geometry",
    "is_field",
    "naming",
    "operators",
    "sequence",
}


def public():
    """name → thing, of all that the package and its modules name in __all__, each once, at top level where it is there."""
    found = {name: getattr(dnn, name) for name in dnn.__all__}
    modules = {name: thing for name, thing in found.items() if inspect.ismodule(thing)}
    things = {name: thing for name, thing in found.items() if name not in modules}
    for module, contents in modules.items():
        for name in getattr(contents, "__all__", ()):
            if name not in things:
                things[f"{module}.{name}"] = getattr(contents, name)
    return things


def callables():
    """Those of them that are classes or functions."""
    return {
        name: thing
        for name, thing in public().items()
        if inspect.isclass(thing) or inspect.isfunction(thing)
    }


def signature(thing):
    """(x, h=0.1) as text, without annotations; of a class, that of its constructor; of what has none, nothing."""
    thing = getattr(thing, "__func__", thing)  # of a class method
    if not (inspect.isclass(thing) or inspect.isfunction(thing)):
        return ""
    try:
        found = inspect.signature(thing)
    except ValueError:  # of an exception
        return ""
    bare = [p.replace(annotation=p.empty) for p in found.parameters.values()]
    return str(found.replace(parameters=bare, return_annotation=found.empty))


def members(cls):
    """name → signature of what a class has that no public base of it has in the same way."""

    def of(one):
        ours = [
            vars(base) for base in reversed(one.__mro__) if base.__module__.startswith("dynsys_nn")
        ]
        names = {name: thing for found in ours for name, thing in found.items()}
        return {
            name: signature(thing)
            for name, thing in names.items()
            if name[0] != "_" and name not in INNER
        }

    bases = [of(base) for base in cls.__mro__[1:] if base in public().values()]
    return {
        name: text
        for name, text in of(cls).items()
        if all(base.get(name) != text for base in bases)
    }


def listed():
    """The list: a line for each name, and for each member of a class."""
    for name, thing in sorted(public().items()):
        yield f"{name}{signature(thing)}"
        if inspect.isclass(thing):
            yield from (f"{name}.{member}{text}" for member, text in sorted(members(thing).items()))


if __name__ == "__main__":
    for line in listed():
        print(line)
