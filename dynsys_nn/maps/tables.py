"""Networks as text: a table with one row per map, on whatever terminal, pipe or file."""

import codecs
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


def summary(net):
    """The table of `Network.summary`."""
    rows = [("", "map", "formula", "shape", "parameters", "Lipschitz", "keeps")]
    for k, F in enumerate(net.maps):
        rows.append((str(k), *described(F, " (shared)" if F in net.maps[:k] else "")))
    return table([*rows, ("Σ", *described(net, ""))])


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
