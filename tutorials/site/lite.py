"""The notebooks, to run in the browser: JupyterLite."""


def write(out, wheel, pyodide):
    """Write them into the folder out/lite of the site.

    wheel: the package's, in a folder of the site; pyodide: where Python is, an address,
    or a folder of the site.
    """
