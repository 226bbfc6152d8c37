"""python -m tutorials.site --out FOLDER [--lite] [--pyodide FOLDER] [--fast]

Build the site: static pages for any web server. Needs `pip install ".[site]"`, and for
--lite, `pip install ".[lite]"`; and then the package index alone, for setuptools, which
makes the wheel, and for --lite, what the notebooks' kernel needs.
"""

import argparse
import sys
from pathlib import Path

WHERE = (
    "where Python for the browser is, by python -m tutorials.site.pyodide FOLDER;"
    " default: at its public address, which a reader's browser asks"
)


def main(arguments=None):
    what = __doc__.partition("\n\n")[2]
    parser = argparse.ArgumentParser("python -m tutorials.site", description=what)
    add = parser.add_argument
    add("--out", type=Path, required=True, help="a folder, made anew")
    add("--lite", action="store_true", help="with the notebooks, to run in the browser")
    add("--pyodide", type=Path, metavar="FOLDER", help=WHERE)
    add("--fast", action="store_true", help="for a look: no cell run, little training")
    options = parser.parse_args(arguments)
    try:
        from . import build
    except ModuleNotFoundError as error:
        parser.error(f'{error.name} is missing: pip install ".[site]"')
    try:
        return build.build(**vars(options))
    except (ValueError, OSError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    sys.exit(main())
