"""The live figures as a page: the package itself, in the reader's browser."""


def write(out, wheel, pyodide):
    """Write what the page needs beside it into the folder `out` of the site.

    wheel: the package's, in a folder of the site; pyodide: where Python is, an address,
    or a folder of the site.
    """
