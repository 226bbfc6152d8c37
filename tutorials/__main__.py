"""python -m tutorials notebooks [scripts] [--out DIR] [--solutions]

Write the tutorials and the labs' sheets as notebooks, without solutions unless asked.
"""

import argparse
import sys
from pathlib import Path

from . import notebooks

HIDE = """\
A notebook that somebody has written in is kept and named, as is any other file in the
place of one, and the exit status is 1; a notebook that was only run is written again.

Tags, by which to hide cells: install; predict, a question to answer before a cell is
run, and reveals, the text after that cell; asserts; exercises; in a sheet answer, the
cell to write in, questions, and checks, which runs them; solution. Jupyter Book folds
install and questions (hide-input). A script's own: # %% tags=["mine"].

  jupyter nbconvert --to html --TagRemovePreprocessor.enabled=True \\
      --TagRemovePreprocessor.remove_input_tags=questions SHEET.ipynb
"""


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m tutorials",
        description="Tutorials and labs, in another form.",
    )
    command = parser.add_subparsers(metavar="command", required=True).add_parser(
        "notebooks",
        help="write tutorials and sheets as notebooks",
        description="Write tutorials and sheets as notebooks (nbformat 4.5).",
        epilog=HIDE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add, out = command.add_argument, notebooks.HERE / "out"
    add("scripts", nargs="*", type=Path, metavar="script", help="default: all")
    add("--out", type=Path, default=out, help="a folder (default: tutorials/out)")
    add("--solutions", action="store_true", help="those of exercises and sheets, too")
    add("--overwrite", action="store_true", help="what somebody has written in, too")
    what = "what a notebook's first cell installs where there is no dynsys_nn: a name \
or an address that pip takes (default: dynsys_nn)"
    add("--package", default="dynsys_nn", help=what)
    options = parser.parse_args(arguments)

    for path in options.scripts:
        if path.suffix != ".py" or not path.is_file():
            command.error(f"a script is a file that ends in .py, got {path}")
    if options.out.exists() and not options.out.is_dir():
        command.error(f"--out needs a folder, and {options.out} is a file")
    paths = options.scripts or notebooks.scripts()
    try:
        books = notebooks.notebooks(paths, options.solutions, options.package)
    except ValueError as error:
        command.error(str(error))
    kept = []
    for where, text in books.items():
        path = options.out / where
        if path.exists() and not options.overwrite and notebooks.written_in(path):
            kept.append(path)
            continue
        try:
            notebooks.write(text, path)
        except OSError as error:
            command.error(f"{path} cannot be written: {error.strerror}")
    n = len(books) - len(kept)
    print(f"{n} notebook{'s' * (n != 1)} in {options.out}")
    for path in kept:
        print(f"kept, since somebody has written in it: {path}")
    return 1 if kept else 0


if __name__ == "__main__":
    sys.exit(main())
