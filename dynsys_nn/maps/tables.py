"""Networks as text: a table with one row per map."""

from .constants import not_finite


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
