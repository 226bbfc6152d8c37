"""How Sphinx makes the pages."""

import importlib.util
from pathlib import Path

import dynsys_nn
from tutorials.site.links import link, prefix

project, author = "dynsys_nn", "the dynsys_nn developers"
release = version = dynsys_nn.__version__
copyright = author
extensions = [
    "myst_nb",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
]

# notebooks and text
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_dmath_double_inline = True  # $$…$$ within a paragraph
nb_execution_timeout, nb_execution_raise_on_error = 300, True
nb_merge_streams = True

# the reference
add_module_names = False
maximum_signature_line_length = 72  # of a longer one, a parameter a line
toc_object_entries_show_parents = "hide"
copybutton_prompt_text, copybutton_prompt_is_regexp = r">>> |\.\.\. ", True
copybutton_selector = "div:not(.highlight-text) > div.highlight > pre"

# looks
smartquotes = False  # "quotes" stay as they are written
html_theme, html_title = "furo", "dynsys_nn"
html_static_path = ["static"]
html_css_files = ["site.css", "reference.css"]
html_favicon = "static/favicon.svg"
html_copy_source = html_show_sphinx = False
pygments_style = "friendly"
#: one file that needs no other, so that formulas need no network
_mathjax = importlib.util.find_spec("sphinx-mathjax-offline").submodule_search_locations
html_static_path.append(str(Path(_mathjax[0]) / "static" / "mathjax" / "tex-svg.js"))
mathjax_path = "tex-svg.js"


def setup(app):
    app.connect("doctree-read", prefix)
    app.connect("doctree-resolved", link)
