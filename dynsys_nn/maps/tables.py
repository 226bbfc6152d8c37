"""Tables: of a network, with one row per map, as text on whatever terminal, pipe or file, and as
HTML in a notebook."""

import codecs
import html as letters
import sys
import unicodedata

from .constants import not_finite

#: letters as a stream writes them that knows ASCII alone; others without their accents, or as ?
SPELLED = {
    "θ": "theta", "σ": "sigma", "γ": "gamma", "α": "alpha", "ε": "eps", "λ": "lambda", "φ": "phi",
    "Ψ": "Psi", "Σ": "Sum", "∇": "grad ", "→": "->", "↦": "->", "∘": "o", "−": "-", "–": "-",
    "·": "*", "⋯": "...", "×": "x", "‖": "|", "≤": "<=", "≥": ">=", "∞": "inf", "′": "'",
    "√": "sqrt ",
}  # fmt: skip


def spelled(error):
    """An error handler of `codecs`: letters that cannot be encoded, in ASCII."""
    letters = error.object[error.start : error.end]
    plain = (unicodedata.normalize("NFKD", c).encode("ascii", "ignore").decode() for c in letters)
    words = [SPELLED.get(c) or p or "?" for c, p in zip(letters, plain, strict=True)]
    return "".join(words), error.end


def print_what_it_can(stream):
    """Let a stream that does not know all letters, as a pipe on Windows, spell them, and not fail.
    One that does, or knows what to do, stays as it is."""
    if getattr(stream, "errors", None) == "strict" and hasattr(stream, "reconfigure"):
        try:
            "".join(SPELLED).encode(stream.encoding)
        except UnicodeEncodeError:
            codecs.register_error("dynsys_nn.spelled", spelled)
            stream.reconfigure(errors="dynsys_nn.spelled")


print_what_it_can(sys.stdout)  # as the package is imported


def table(rows):
    """Rows of strings as text, in aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    return "\n".join("  ".join(row).rstrip() for row in aligned)


#: a verdict is white on its colour, so that it is read on a white page and on a black one
COLOURS = {"passed": "#16803c", "FAILED": "#c42b2f", "unsure": "#9a5b00"}
CELL = "text-align: left; white-space: pre-wrap"
NOTE = f"{CELL}; overflow-wrap: anywhere; padding: 0 0 0.6em 2em"


def html(rows, notes=()):
    """Rows of strings, the first one the head, as a table of HTML that Jupyter shows.

    notes: (words, code) for each row below the head; what is not "" stands below the row, over the
    whole width of the table, so that a narrow page has room for it.
    """
    head, *below = rows
    plain = ' style="background: none; border-top: 1px solid #8886"' if notes else ""
    lines = [f"<tr>{''.join(cell('th', text) for text in head)}</tr>"]
    for k, row in enumerate(below):
        lines.append(f"<tr{plain}>{''.join(cell('td', text) for text in row)}</tr>")
        words, code = notes[k] if notes else ("", "")
        parts = [letters.escape(words), f"<code>{letters.escape(code)}</code>" if code else ""]
        if note := "\n".join(filter(None, parts)):
            style = f'colspan="{len(row)}" style="{NOTE}"'
            lines.append(f'<tr style="background: none"><td {style}>{note}</td></tr>')
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def cell(kind, text):
    """One cell, kind "td" or "th"."""
    colour = COLOURS.get(text)
    chip = f"background: {colour}; color: #fff; padding: 0.1em 0.4em; border-radius: 0.2em"
    words = f'<b style="{chip}">{text}</b>' if colour else letters.escape(text)
    style = CELL if " " in text else CELL.replace("pre-wrap", "pre")  # 1.00e-12 in one piece
    return f'<{kind} style="{style}">{words}</{kind}>'


class Table(str):
    """Rows of strings, the first one the head: a text in aligned columns, and in a notebook a
    table of HTML."""

    def __new__(cls, rows):
        self = super().__new__(cls, table(rows))
        self.rows = rows
        return self

    def _repr_html_(self):
        return html(self.rows)


def summary(net):
    """The table of `Network.summary`."""
    rows = [("", "map", "formula", "shape", "parameters", "Lipschitz", "keeps")]
    for k, F in enumerate(net.maps):
        rows.append((str(k), *described(F, " (shared)" if F in net.maps[:k] else "")))
    return Table([*rows, ("Σ", *described(net, ""))])


def described(F, shared):
    """The cells of a map's row, but for its number."""
    try:
        bound = "nan" if not_finite(F) else f"{F.lipschitz():.4g}"
    except NotImplementedError:
        bound = "–"
    kept = "" if F.is_field else ", ".join(sorted(F.keeps))
    return (
        type(F).__name__,
        F.formula,
        f"{F.dim_in} → {F.dim_out}",
        f"{F._size}{shared}",
        bound,
        kept or "–",
    )
