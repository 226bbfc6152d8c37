"""Docstrings as Markdown: what is written there is what is shown.

A docstring is text with Unicode formulas, `code`, *emphasis*, examples, indented lines
whose columns matter, and the sections of numpydoc. All else that Markdown would read as
its own, |x|, x_k, *args or a + at the start of a line, is escaped.
"""

import re
import textwrap

#: an example with what it prints; lines from the margin; lines that are indented, or empty
BLOCKS = r"(?:^>>>.*\n(?:.+\n)*)|(?:^(?!\s|>>>).+\n)+|(?:^(?: .*)?\n)+"
SECTION = r"^([A-Z][A-Za-z ]+)\n-{3,}\n"
#: a head, `x : array, shape (n, d)` or an error's name, and the indented lines below it
ENTRY = r"^(\S.*)\n((?:(?: .*)?\n)*)"
MARKED = r"(`[^`]+`|(?<![\w*])\*\w(?:[^*`]*\w)?\*(?![\w*]))"


def markdown(text, names=()):
    """A docstring as Markdown; `names` are classes, which are code where a kind has them."""
    head, *rest = re.split(SECTION, text, flags=re.M)
    out = [prose(head)]
    for title, body in zip(rest[::2], rest[1::2], strict=True):
        out.append(f"```{{rubric}} {title}\n```")
        out.append(prose(body) if title == "Examples" else entries(body, title, names))
    return "\n\n".join(filter(None, out))


def inline(text):
    """A text without blocks: `code` and *emphasis* stay, all other marks are escaped."""
    parts = re.split(MARKED, text)
    parts[::2] = [re.sub(r"([!-/:-@[-`{-~])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def prose(text):
    """Paragraphs, examples and indented lines, which keep their columns."""
    out = []
    for block in re.findall(BLOCKS, text.strip("\n") + "\n", re.M):
        lines = textwrap.dedent(block).strip("\n")
        if block.startswith(">>>"):
            out.append(f"```pycon\n{lines}\n```")
        elif block[0].isspace():
            out += [f"```text\n{lines}\n```"] * bool(lines)
        else:
            out.append(inline(lines))
    return "\n\n".join(out)


def entries(text, title, names):
    """A section such as Parameters: names, kinds and words; a line that is none, as text."""
    out, plain = [], ""
    for head, words in re.findall(ENTRY, text.strip("\n") + "\n", re.M):
        name, colon, kind = head.partition(" : ")
        if not colon and not words.strip():
            plain += head + "\n" + words
            continue
        if not colon and title in ("Returns", "Yields"):
            name, kind = "", name
        for one in sorted(set(re.findall(r"\b[A-Z]\w+", kind)) & set(names)):
            kind = re.sub(rf"(?<![`\w.]){one}\b(\(\))?(?!`)", r"`\g<0>`", kind)
        term = ", ".join(f"`{one}`" for one in name.split(", ")) if name else inline(kind)
        body = [inline(kind) if name else "", prose(textwrap.dedent(words))]
        body = textwrap.indent("\n\n".join(filter(None, body)), "    ").strip()
        out += [prose(plain)] * bool(plain) + [f"{term}\n:   {body}"]
        plain = ""
    return "\n\n".join([*out, *[prose(plain)] * bool(plain)])
