"""Docstrings as Markdown: what is written there is what is shown.

A docstring is text with Unicode formulas, `code`, *emphasis*, examples, indented lines
whose columns matter, and the sections of numpydoc. All else that Markdown would read as
its own, |x|, x_k, *args or a + at the start of a line, is escaped.
"""

import re
from textwrap import dedent, indent

#: an example with what it prints; lines from the margin; indented lines, and empty ones
BLOCKS = r"(?:^>>>.*\n(?:.+\n)*)|(?:^(?!\s|>>>).+\n)+|(?:^(?: .*)?\n)+"
SECTION = r"^([A-Z][A-Za-z ]+)\n-{3,}\n"
#: a head, `x : array, shape (n, d)` or an error, and the indented lines below it
ENTRY = r"^(\S.*)\n((?:(?: .*)?\n)*)"
MARKED = r"(`[^`]+`|(?<![\w*])\*\w(?:[^*`]*\w)?\*(?![\w*]))"


def markdown(text, names=()):
    """A docstring as Markdown; those of `names` that stand in a kind become code."""
    head, *sections = re.split(SECTION, text, flags=re.M)
    out = [prose(head)]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        out.append(f"```{{rubric}} {title}\n```")
        out.append(prose(body) if title == "Examples" else entries(body, title, names))
    return "\n\n".join(filter(None, out))


def inline(text):
    """A text without blocks: but for `code` and *emphasis*, marks are escaped."""
    parts = re.split(MARKED, text)
    parts[::2] = [re.sub(r"([!-/:-@[-`{-~])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def prose(text):
    """Paragraphs, examples and indented lines, which keep their columns."""
    out = []
    for block in re.findall(BLOCKS, text.strip("\n") + "\n", re.M):
        lines = dedent(block).strip("\n")
        if block.startswith(">>>"):
            out.append(f"```pycon\n{lines}\n```")
        elif not block[0].isspace():
            out.append(inline(lines))
        elif lines:
            out.append(f"```text\n{lines}\n```")
    return "\n\n".join(out)


def entries(text, title, names):
    """A section such as Parameters: names, kinds and words; other lines are prose."""
    out, other = [], ""
    for head, words in re.findall(ENTRY, text.strip("\n") + "\n", re.M):
        name, colon, kind = head.partition(" : ")
        if not colon and not words.strip():
            other += head + "\n" + words
            continue
        if not colon and title == "Returns":
            name, kind = "", name
        kind, words = inline(linked(kind, names)), prose(dedent(words))
        terms = ", ".join(f"`{one}`" for one in name.split(", "))
        body = f"{kind}\n\n{words}" if name and kind else words
        out.append(prose(other))
        out.append(f"{terms if name else kind}\n:   {indent(body, '    ').strip()}")
        other = ""
    return "\n\n".join(filter(None, [*out, prose(other)]))


def linked(kind, names):
    """A kind, `list of Penalty` or `Stored() or Reversed()`, its classes as code."""
    for name in set(re.findall(r"\b[A-Z]\w+", kind)).intersection(names):
        kind = re.sub(rf"(?<![`\w.]){name}\b(\(\))?(?!`)", r"`\g<0>`", kind)
    return kind
