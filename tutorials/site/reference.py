"""The reference: a page for each module, in reading order, with its public names."""

import functools
import inspect
import re
import runpy
import sys
from argparse import HelpFormatter
from importlib import import_module
from pathlib import Path
from types import FunctionType

from sphinx.pycode import ModuleAnalyzer

import dynsys_nn as dnn

from . import texts
from .docstrings import inline, markdown

METHOD = FunctionType | staticmethod | classmethod
INDEX = """\
# Reference

```{{py:module}} dynsys_nn
```

{text}

Every public name stands here once, each class and function with its formula,
parameters, shapes, errors, source, and an example, which the tests run. Before each
example stands

```python
import numpy as np
import dynsys_nn as dnn
```

These names, with their parameters, their order and their defaults, are what version 1
promises to keep; what is not here may change.

```{{toctree}}
:hidden:

{pages}
```

{tables}
"""
TABLE = """\
## [{name}]({name}.md)

{text}

| | |
|---|---|
{rows}
"""
PAGE = """\
# {name}

```{{py:module}} dynsys_nn.{name}
```

{text}

{entries}

{usage}
"""
USAGE = "## On the command line\n\n```text\n{text}```"
GROUP = "## {name}\n\n{text}\n\n{entries}"
CLASS = "::::{{py:{kind}}} {head}\n:module: {module}\n\n{text}\n\n{members}\n::::"
FUNCTION = "::::{{py:{kind}}} {head}\n:module: {module}\n\n{text}\n::::"
MEMBER = ":::{{py:{kind}}} {head}\n:no-contents-entry:\n{options}\n{text}\n:::"
OPTIONS = {staticmethod: ":staticmethod:\n", classmethod: ":classmethod:\n"}
INHERITED = ":::{{container}} inherited\n{text}.\n:::"


@functools.cache
def promised():
    """What `tests/public.py` knows: which names are public, and which members not."""
    return runpy.run_path(str(texts.ROOT / "tests" / "public.py"))


@functools.cache
def names():
    """name → thing: all that is public, as in `dnn.checks.adjoint` without the dnn."""
    return promised()["public"]()


@functools.cache
def classes():
    """class → its public name."""
    return {thing: name for name, thing in names().items() if inspect.isclass(thing)}


def reading_order():
    """The modules, in the order in which they are to be read."""
    return re.findall(r"\[(\w+)\]\(dynsys_nn/[\w/]+\.py\)", texts.text_of("README.md"))


def place(name):
    """The module that defines a public name, by its full name."""
    thing = names()[name]
    if hasattr(thing, "__module__"):
        return thing.__module__
    module = import_module(f"dynsys_nn.{name.partition('.')[0]}")
    own = (one for one in parts(module) if hasattr(one, name.partition(".")[2]))
    return next(own, module).__name__


def parts(module):
    """The files of a module that is a folder, each after those that it takes things
    from, and early if many take things from it."""
    above = f"{module.__name__}."
    inner = {name: part for name, part in sys.modules.items() if name.startswith(above)}
    takes = {
        name: {getattr(thing, "__module__", None) for thing in vars(part).values()}
        & inner.keys() - {name}
        for name, part in inner.items()
    }

    def rank(name):
        return 1 + max(map(rank, takes[name]), default=0)

    def order(name):
        return rank(name), -sum(name in others for others in takes.values()), name

    return [inner[name] for name in sorted(inner, key=order)]


def contents(module):
    """file → the public names that are defined there, both in the order of reading."""
    found = {}
    for part in [module, *parts(module)]:
        own = [name for name in names() if place(name) == part.__name__]
        order = [*vars(part)]
        if own:
            own.sort(key=lambda name: order.index(name.rpartition(".")[2]))
            found[part] = own
    return found


def write(folder):
    """Write the pages."""
    folder.mkdir(parents=True)
    pages = reading_order()
    text = INDEX.format(
        text=markdown(inspect.getdoc(dnn)),
        pages="\n".join(pages),
        tables="\n".join(map(table, pages)),
    )
    (folder / "index.md").write_text(text, encoding="utf-8")
    for name in pages:
        (folder / f"{name}.md").write_text(page(name), encoding="utf-8")


def table(name):
    """A module and its names, each with its first words, for the index."""
    module = import_module(f"dynsys_nn.{name}")
    rows = []
    for one in sum(contents(module).values(), []):
        words = inline(about(one).partition("\n\n")[0]).replace("\n", " ")
        rows.append(f"| `{one}` | {words} |")
    first = inspect.getdoc(module).partition("\n\n")[0]
    return TABLE.format(name=name, text=inline(first), rows="\n".join(rows))


def page(name):
    """The page of a module."""
    module = import_module(f"dynsys_nn.{name}")
    groups = [group(module, part, own) for part, own in contents(module).items()]
    return PAGE.format(
        name=name,
        text=markdown(inspect.getdoc(module)),
        entries="\n\n".join(groups),
        usage=usage(module),
    )


def group(module, part, own):
    """The entries of a file, below what it says of itself."""
    out = "\n\n".join(map(entry, own))
    if part is module:
        return out
    name = inline(part.__name__.rpartition(".")[2])
    return GROUP.format(name=name, text=markdown(inspect.getdoc(part)), entries=out)


def usage(module):
    """What `python -m` says of a module, if it can be run."""
    if not Path(module.__file__).with_name("__main__.py").is_file():
        return ""
    parser = import_module(f"{module.__name__}.__main__").arguments()
    parser.formatter_class = functools.partial(HelpFormatter, width=88)
    parser.color = False
    return USAGE.format(text=parser.format_help())


def about(name):
    """The docstring of a public name, or the comment above it, if it is a constant."""
    thing = names()[name]
    if callable(thing):
        return inspect.getdoc(thing)
    comments = ModuleAnalyzer.for_module(place(name)).find_attr_docs()
    return "\n".join(comments.get(("", name.rpartition(".")[2]), []))


def entry(name):
    """A public name, with all that its docstring says."""
    thing, (module, _, short) = names()[name], name.rpartition(".")
    module = f"dynsys_nn.{module}".rstrip(".")
    text = markdown(about(name), names())
    head = short + signature(thing)
    if not inspect.isclass(thing):
        kind = "function" if callable(thing) else "data"
        return FUNCTION.format(kind=kind, head=head, module=module, text=text)
    kind = "exception" if issubclass(thing, Exception) else "class"
    return CLASS.format(
        kind=kind, head=head, module=module, text=text, members=members(thing)
    )


class Shown:
    """A default as it is typed."""

    def __init__(self, value):
        self.text = getattr(value, "__name__", None) or repr(value)

    def __repr__(self):
        return self.text


def signature(thing, bound=False):
    """(x, h=0.1), with each default as it is typed; nothing where Python knows none."""
    try:
        found = inspect.signature(getattr(thing, "__func__", thing))
    except (TypeError, ValueError):
        return ""
    kept = [
        p.replace(
            annotation=p.empty,
            default=p.default if p.default is p.empty else Shown(p.default),
        )
        for p in [*found.parameters.values()][bound:]
    ]
    return str(found.replace(parameters=kept, return_annotation=found.empty))


def said(thing):
    """The docstring of a member, None for that of a class attribute's class."""
    return thing.__doc__ if isinstance(thing, METHOD | property) else None


def holder(cls, name):
    """The public class that says what a member is: cls, or one that it derives from."""
    thing = inspect.getattr_static(cls, name)
    for base in cls.__mro__[1:]:
        if base in classes() and name in dir(base):
            theirs = holder(base, name)
            if said(thing) in (None, said(inspect.getattr_static(theirs, name))):
                return theirs
            break
    return cls


def members(cls):
    """What a class has: what it says itself, and the names of what others say."""
    own, silent, others = [], [], {}
    for name in members_of(cls):
        thing, at = inspect.getattr_static(cls, name), holder(cls, name)
        if at is not cls:
            others.setdefault(at, []).append(name)
        elif said(thing):
            own.append(member(name, thing))
        else:
            silent.append(member(name, thing))
    if others:
        text = "; ".join(
            f"as in `{classes()[base]}`: {inline(', '.join(theirs))}"
            for base, theirs in others.items()
        )
        silent.append(INHERITED.format(text=text[0].upper() + text[1:]))
    return "\n\n".join(own + silent)


def members_of(cls):
    """The names of what a class has, its own first, without those of no promise, and
    functions of Python's."""
    ours = [base for base in cls.__mro__ if base.__module__.startswith("dynsys_nn")]
    found = dict.fromkeys(
        name
        for base in ours
        for name, thing in vars(base).items()
        if not inspect.isbuiltin(getattr(thing, "__func__", thing))
    )
    inner = promised()["INNER"]
    return [name for name in found if name[0] != "_" and name not in inner]


def member(name, thing):
    """A method, property or attribute, and what it says."""
    kind, options, head = "attribute", "", name
    if isinstance(thing, property):
        kind = "property"
    elif isinstance(thing, METHOD):
        kind = "method"
        head += signature(thing, bound=not isinstance(thing, staticmethod))
        options = OPTIONS.get(type(thing), "")
    text = markdown(inspect.cleandoc(said(thing) or ""), names())
    return MEMBER.format(kind=kind, head=head, options=options, text=text)
