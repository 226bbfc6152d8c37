"""How Sphinx makes the pages."""

import importlib.util
import logging
import re
from html import escape, unescape
from pathlib import Path
from textwrap import shorten

from docutils import nodes

import dynsys_nn
from tutorials.site.links import link, mended, prefix

project, author = "dynsys_nn", "the dynsys_nn authors"
release = version = dynsys_nn.__version__
copyright = author
extensions = [
    "myst_nb",
    "sphinx.ext.githubpages",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
]

# notebooks and text
exclude_patterns = ["files"]
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_dmath_double_inline = True  # $$…$$ within a paragraph
nb_execution_timeout, nb_execution_raise_on_error = 300, True
nb_merge_streams = True
nb_code_prompt_show, nb_code_prompt_hide = "Show the questions", "Hide the questions"

# the reference
add_module_names = False
maximum_signature_line_length = 72  # of a longer one, a parameter a line
toc_object_entries_show_parents = "hide"
copybutton_prompt_text, copybutton_prompt_is_regexp = r">>> |\.\.\. ?", True
copybutton_selector = "div:not(.highlight-text) > div.highlight > pre"

# looks
smartquotes = False  # "quotes" stay as they are written
html_theme, html_title = "furo", "dynsys_nn"
STYLES = ["site.css", "reference.css"]
html_static_path = [f"static/{name}" for name in (*STYLES, "pages.js")]
html_css_files, html_js_files = STYLES, ["pages.js"]
html_extra_path = ["static/404.html"]
html_favicon = "static/favicon.svg"
html_copy_source = html_show_sphinx = False
logging.basicConfig()  # or these two do it, and every notebook is reported
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
#: one file that needs no other, so that formulas need no network
_mathjax = importlib.util.find_spec("sphinx-mathjax-offline").submodule_search_locations
html_static_path.append(str(Path(_mathjax[0]) / "static" / "mathjax" / "tex-svg.js"))
mathjax_path = "tex-svg.js"


def described(app, name, template, context, doctree):
    """A page's title and first paragraph, for those who link to it."""
    words = [
        " ".join(paragraph.astext().split())
        for paragraph in (doctree.findall(nodes.paragraph) if doctree else ())
        if isinstance(paragraph.parent, nodes.section)
        and not paragraph.next_node(nodes.image)
    ]
    title = escape(unescape(re.sub("<.*?>", "", context.get("title", html_title))))
    about = escape(shorten(" ".join(words[:1]), 200, placeholder=" …")) or title
    context["metatags"] = context.get("metatags", "") + "\n".join(
        f'<meta {kind}="{key}" content="{value}">'
        for kind, key, value in (
            ("name", "description", about),
            ("property", "og:title", title),
            ("property", "og:description", about),
        )
    )


def setup(app):
    app.connect("html-page-context", described)
    app.connect("html-page-context", mended)
    app.connect("doctree-read", prefix)
    app.connect("doctree-resolved", link)
