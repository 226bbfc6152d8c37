"""The reference's entries, and the names in texts that lead to them."""

import functools
import re

from docutils import nodes
from sphinx import addnodes
from sphinx.util.nodes import make_refnode

from .reference import classes, holder, members_of, names, reading_order


def prefix(app, doctree):
    """Each entry's name as it is typed, dnn.fit: for doctree-read."""
    for head in doctree.findall(addnodes.desc_signature):
        module = head.get("module") or ""
        if module.startswith("dynsys_nn") and not head["class"]:
            before = module.replace("dynsys_nn", "dnn", 1) + "."
            at = head.first_child_matching_class(addnodes.desc_name)
            head.insert(at, addnodes.desc_addname(before, before))


def mended(app, name, template, context, doctree):
    """What Sphinx gets wrong: parameters line by line, a list without terms; and, on a
    page of source, the way back to names of two modules. For html-page-context."""
    body = context.get("body", "")
    if name.startswith("_modules/dynsys_nn/"):
        module = name.split("/")[2]
        body = re.sub(
            rf'#dynsys_nn\.(?:{module}\.)?([\w.]+)"',
            lambda found: f'#dynsys_nn.{shown(found[1], module)}"',
            body,
        )
    context["body"] = re.sub(
        r'<dl>\n<dd>(<em class="sig-param".*?)</dd>\n</dl>',
        lambda found: f"<ul><li>{found[1].replace('dd>', 'li>')}</li></ul>",
        body,
        flags=re.S,
    )


def shown(name, module):
    """The entry of a name on a module's page of source: as lipschitz.averaged, it may
    be public in another module."""
    elsewhere = [one for one in names() if one.rpartition(".")[2] == name]
    return target(name, module, []) or next(iter(elsewhere), None)


def link(app, doctree, docname):
    """From `GradientField`, `dnn.fit(…)`, `Network.summary`: for doctree-resolved."""
    objects = app.env.domains["py"].objects
    for code in [*doctree.findall(nodes.literal)]:
        named = re.fullmatch(r"([\w.]+)(?:\(.*\))?", code.astext(), re.S)
        around = [*parents(code)]
        if named and not any(isinstance(one, BARE) for one in around):
            entries = [one for one in around if isinstance(one, addnodes.desc)]
            at = objects.get(f"dynsys_nn.{target(named[1], docname, entries)}")
            if at:
                to = make_refnode(app.builder, docname, at.docname, at.node_id, [])
                code.replace_self(to)
                to += code


#: where no link is made
BARE = nodes.reference, nodes.title


def parents(node):
    """A node's parents, from within."""
    while node := node.parent:
        yield node


def target(name, docname, entries):
    """The entry that a name in a text means: a member of the entries around the text, a
    name of their module, or any; None for a parameter, and within the entry itself."""
    heads = [head for entry in entries for head in entry if "fullname" in head]
    own = [f"{h['module']}.{h['fullname']}".removeprefix("dynsys_nn.") for h in heads]
    words = [word for head in heads for word in head.findall(addnodes.desc_sig_name)]
    if name not in {word.astext() for word in words}:
        for scope in [*own, docname.removeprefix("reference/"), ""]:
            found = places().get(f"{scope}.{name}".lstrip("."))
            if found:
                return None if found in own else found


@functools.cache
def places():
    """name → the entry, or the module, for all names that may stand in a text."""
    found = {name: name for name in names()}
    for cls, name in classes().items():
        for one in members_of(cls):
            found[f"{name}.{one}"] = f"{classes()[holder(cls, one)]}.{one}"
    found |= {f"dnn.{name}": at for name, at in found.items()}
    return found | {f"dnn.{name}": name for name in reading_order()}
