"""The reference: a page for each module, in reading order, and links to its entries."""

import functools
import inspect
import re
import runpy
import sys
from argparse import HelpFormatter
from importlib import import_module
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.nodes import make_refnode

import dynsys_nn as dnn

from .docstrings import inline, markdown

ROOT = Path(__file__).parents[2]
INDEX = """\
# Reference

```{{py:module}} dynsys_nn
```

{text}

Every public name stands here once, with its parameters, shapes and errors, its source, and an
example, which the tests run. In the examples

```python
import numpy as np
import dynsys_nn as dnn
```

have been run before. {promise}

```{{toctree}}
:hidden:

{pages}
```

{tables}
"""
PROMISE = (
    "These names, with their parameters, their order and their defaults, are what version 1 "
    "promises to keep; what is not here may change."
)
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
INHERITED = ":::{{container}} inherited\n{text}.\n:::"


@functools.cache
def promised():
    """What `tests/public.py` knows: which names are public, and what is promised of them."""
    return runpy.run_path(str(ROOT / "tests" / "public.py"))


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
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"\[(\w+)\]\(dynsys_nn/[\w/]+\.py\)", text)


def place(name):
    """The module that defines a public name, by its full name."""
    thing = names()[name]
    if hasattr(thing, "__module__"):
        return thing.__module__
    module = import_module(f"dynsys_nn.{name.partition('.')[0]}")
    own = (one for one in parts(module) if hasattr(one, name.partition(".")[2]))
    return next(own, module).__name__


def parts(module):
    """The files of a folder's module, each after those that it takes something from, and
    of these first what most others take something from."""
    inner = {
        name: part
        for name, part in sys.modules.items()
        if name.rpartition(".")[0] == module.__name__
    }
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
    tables = []
    for name in reading_order():
        module = import_module(f"dynsys_nn.{name}")
        found = contents(module)
        text = PAGE.format(
            name=name,
            text=markdown(inspect.getdoc(module)),
            entries="\n\n".join(group(module, part, own) for part, own in found.items()),
            usage=usage(module),
        )
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
        rows = "\n".join(
            f"| `{one}` | {inline(summary(one)).replace(chr(10), ' ')} |"
            for own in found.values()
            for one in own
        )
        first = inspect.getdoc(module).partition("\n\n")[0]
        tables.append(TABLE.format(name=name, text=inline(first), rows=rows))
    text = INDEX.format(
        text=markdown(inspect.getdoc(dnn)),
        promise=PROMISE,
        pages="\n".join(reading_order()),
        tables="\n".join(tables),
    )
    (folder / "index.md").write_text(text, encoding="utf-8")


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
    """The docstring of a public name; of what is neither class nor function, its comment."""
    thing = names()[name]
    if callable(thing):
        return inspect.getdoc(thing)
    comments = ModuleAnalyzer.for_module(place(name)).find_attr_docs()
    return "\n".join(comments.get(("", name.rpartition(".")[2]), []))


def summary(name):
    """The first paragraph of it."""
    return about(name).partition("\n\n")[0]


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
    own = callable(thing) or isinstance(thing, property | staticmethod | classmethod)
    return thing.__doc__ if own else None


def holder(cls, name):
    """The public class that says what a member is: the first above which says the same."""
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
    """The names of what a class has, its own first, without what only the package calls."""
    ours = [base for base in cls.__mro__ if base.__module__.startswith("dynsys_nn")]
    found = dict.fromkeys(name for base in ours for name in vars(base))
    return [name for name in found if name[0] != "_" and name not in promised()["INNER"]]


def member(name, thing):
    """A method, property or attribute, and what it says."""
    kind, options, head = "attribute", "", name
    if isinstance(thing, property):
        kind = "property"
    elif callable(getattr(thing, "__func__", thing)):
        kind, static = "method", isinstance(thing, staticmethod)
        head += signature(thing, bound=not static)
        options = ":staticmethod:\n" if static else ""
        options = ":classmethod:\n" if isinstance(thing, classmethod) else options
    text = markdown(inspect.cleandoc(said(thing) or ""), names())
    return MEMBER.format(kind=kind, head=head, options=options, text=text)


@functools.cache
def places():
    """name → the entry, or the module, for all names that may stand in a text."""
    found = {name: name for name in names()}
    for cls, name in classes().items():
        for one in members_of(cls):
            found[f"{name}.{one}"] = f"{classes()[holder(cls, one)]}.{one}"
    found |= {f"dnn.{name}": at for name, at in found.items()}
    return found | {f"dnn.{name}": name for name in reading_order()}


def prefix(app, doctree):
    """In each entry dnn. before the name, as it is called: for doctree-read."""
    for head in doctree.findall(addnodes.desc_signature):
        module = head.get("module") or ""
        if module.startswith("dynsys_nn") and not head["class"]:
            before = module.replace("dynsys_nn", "dnn", 1) + "."
            at = head.first_child_matching_class(addnodes.desc_name)
            head.insert(at, addnodes.desc_addname(before, before))


def link(app, doctree, docname):
    """Public names that stand as code in a text lead to their entries: for doctree-resolved."""
    objects = app.env.domains["py"].objects
    for code in [*doctree.findall(nodes.literal)]:
        around = [*parents(code)]
        named = re.fullmatch(r"(\w+(?:\.\w+)*)(?:\(.*\))?", code.astext(), re.S)
        if not named or any(isinstance(one, nodes.reference | nodes.title) for one in around):
            continue
        name = target(named[1], docname, [e for e in around if isinstance(e, addnodes.desc)])
        entry = objects.get(f"dynsys_nn.{name}")
        if entry:
            at = make_refnode(app.builder, docname, entry.docname, entry.node_id, [])
            code.replace_self(at)
            at += code


def parents(node):
    """A node's parents, from within."""
    while node := node.parent:
        yield node


def target(name, docname, entries):
    """The entry that a name in a text means, of all names and of those of the entries around;
    None for a parameter of theirs, and for what stands there itself."""
    heads = [head for entry in entries for head in entry if "fullname" in head]
    own = [f"{h['module']}.{h['fullname']}".removeprefix("dynsys_nn.") for h in heads]
    if any(name == p.astext() for h in heads for p in h.findall(addnodes.desc_sig_name)):
        return None
    for scope in [*own, docname.rpartition("/")[2], ""]:
        found = places().get(f"{scope}.{name}".lstrip("."))
        if found:
            return None if found in own else found
