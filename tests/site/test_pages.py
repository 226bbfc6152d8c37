"""Every page of the site as a reader has it: nothing too wide, nothing unrendered, no error, no request to another host, no link that leads nowhere."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import figures
from figures import live
from figures.drawing.saving import message
from tutorials import notebooks
from tutorials.site import texts

PAGES = (
    "index.html",
    "tutorials/index.html",
    "tutorials/01_resnets_are_euler_steps.html",
    "labs/index.html",
    "labs/2_the_adjoint_of_a_field.html",
    "gallery/index.html",
    "gallery/contraction_region.html",
    "reference/index.html",
    "keeps.html",
    "howto.html",
    "changes.html",
    "play.html",
)
SCREENS = {"wide": (1280, 800, False), "phone": (390, 844, True)}
AXE = os.environ.get("DYNSYS_NN_AXE")
#: formulas that are still TeX
TEX = (
    '[...document.querySelectorAll(".math")].filter(e => !e.querySelector("mjx-container")).length'
)
#: what is not text: code, formulas, the heads of entries, tags
NO_TEXT = r'(?s)<(pre|code|script|style|dt)\b.*?</\1>|<(span|div) class="math .*?</\2>|<.*?>'
#: what would be Markdown or TeX as it is written
RAW = ("$", r"\(", r"\begin", ":::", "```", "](", "{doc}", "{download}")
RENDERED = "!window.MathJax || !MathJax.startup || MathJax.startup.promise.then(() => true)"


@pytest.fixture
def opened(site, browser):
    """A page that is opened in a window of some size, its formulas rendered."""
    pages = []

    def open_(name, screen="wide", dark=False):
        pages.append(page := browser.page(*SCREENS[screen]))
        page.dark(dark)
        page.open(site + name)
        page.wait(RENDERED)
        return page

    yield open_
    for page in pages:
        page.close()


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_it_should_be(site, opened, name, screen):
    page = opened(name, screen)
    assert page.too_wide() <= 0
    assert not page.errors + page.failed
    assert all(url.startswith((site, "data:", "blob:")) for url in page.asked)
    assert page.run('document.querySelectorAll("mjx-merror, .system-message").length') == 0
    assert page.run('[...document.images].every(i => i.naturalWidth || i.loading == "lazy")')
    assert page.run(TEX) == 0


def test_formulas_are_rendered(opened):
    page = opened("tutorials/06_lipschitz_networks.html")
    assert page.run(TEX) == 0 and page.run('document.querySelectorAll("mjx-container").length') > 20


def test_no_page_shows_how_it_is_written(pages):
    texts = {name: re.sub(NO_TEXT, "", page.html) for name, page in pages.items()}
    assert not [(name, raw) for name, text in texts.items() for raw in RAW if raw in text]
    assert "Cayley" in texts["keeps.html"] and len(texts) > 100


def test_no_tutorial_or_sheet_is_too_wide_for_a_phone(folder, site, browser):
    page, wide = browser.page(*SCREENS["phone"]), []
    for path in [*folder.glob("tutorials/*.html"), *folder.glob("labs/*.html")]:
        page.open(site + path.relative_to(folder).as_posix())
        page.wait(RENDERED)
        page.run("new Promise(requestAnimationFrame)")  # what is done after that
        wide += [path.stem] if page.too_wide() > 0 else []
    page.close()
    assert not wide


# ---- the front page


def test_the_front_page_is_one_screen(opened):
    page = opened("index.html")
    ends = page.run(
        """[".buttons", ".three", ".example", ".commands"].map(
            s => document.querySelector(s).getBoundingClientRect().bottom)"""
    )
    assert ends == sorted(ends) and ends[-1] <= 800


def test_the_front_page_shows_what_its_code_prints(opened):
    page = opened("index.html")
    code, printed = page.run(
        '[...document.querySelectorAll(".example pre")].map(e => e.textContent)'
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=notebooks.HERE.parent, capture_output=True, text=True
    )
    assert printed == done.stdout != ""


@pytest.mark.parametrize(
    "name, title, words",
    [
        ("index.html", "dynsys_nn", "Neural networks that are compositions of flow maps"),
        (
            "tutorials/07_adversarial_robustness.html",
            "7. Adversarial robustness",
            'A network says "9". Change the image a little',
        ),
        ("gallery/presnov.html", message("presnov"), "Here the pendulum's. Left: f"),
    ],
)
def test_a_page_says_what_it_is(opened, name, title, words):
    said = opened(name).run(
        """["og:title", "og:description"].map(
            p => document.querySelector(`meta[property="${p}"]`).content.replace(/[“”]/g, '"')
                .replace("’", "'"))"""
    )
    assert said[0] == title and said[1].startswith(words)


def test_tex_can_set_what_is_cited(opened):
    """In an entry of BibTeX, an underscore alone would begin an index, but in keys and addresses."""
    entries = opened("cite.html").run('document.querySelector("pre").textContent')
    set_by_tex = re.sub(r"^@.*|^  (url|doi) = .*", "", entries, flags=re.M)
    assert set_by_tex.count("title = ") == 2
    assert not re.findall(r"(?<!\\)_", set_by_tex)


# ---- nothing is left out


def test_each_figure_has_a_card_and_a_page(folder, opened):
    page = opened("gallery/index.html")
    cards = page.run('[...document.querySelectorAll(".cards a")].map(a => a.getAttribute("href"))')
    assert cards == [f"{name}.html" for name in figures.NAMES]
    small = page.run('[...document.querySelectorAll(".cards img")].map(i => i.src)')
    files = [folder / unquote(urlsplit(src).path)[1:] for src in small]
    assert len(set(files)) == len(cards)
    assert sum(path.stat().st_size for path in files) < 1.5e6
    kinds = {"png", "py"} | {"pdf" for _ in folder.glob("_downloads/*/presnov.pdf")}
    for name in figures.NAMES:
        figure = Page(folder / "gallery" / f"{name}.html")
        assert f"../_images/{name}.png" in figure.needed
        files = [url.rpartition("/")[2] for url in figure.links if "_downloads" in url]
        assert sorted(files) == sorted(f"{name}.{kind}" for kind in kinds)
        assert (f"../play.html?figure={name}" in figure.links) == (name in live.NAMES)


def test_each_script_has_a_page_with_its_notebook_to_keep_and_to_run(folder):
    for where, book in notebooks.notebooks(notebooks.scripts()).items():
        page = folder / ("tutorials" if len(where.parts) == 1 else "") / where
        links = Page(page.with_suffix(".html")).links
        books = [url for url in links if url.endswith(where.name) and "_downloads" in url]
        assert len(books) == 1
        there = page.parent / unquote(books[0])
        assert json.loads(there.read_text(encoding="utf-8")) == json.loads(book)
        run = f"../lite/notebooks/index.html?path={where.as_posix()}"
        assert (run in links) == (folder / "lite" / "files" / where).exists()
        assert (run in links) == (folder / "lite").exists()


def test_each_script_was_run_and_its_figures_are_shown(folder):
    if not [*folder.glob("_downloads/*/*.pdf")]:
        pytest.skip("the site was built with --fast: no cell was run")
    for where, book in notebooks.notebooks(notebooks.scripts()).items():
        path = folder / ("tutorials" if len(where.parts) == 1 else "") / where
        page = Page(path.with_suffix(".html"))
        assert 'class="cell_output' in page.html, where
        drawn = [url for url in page.needed if "_images" in url]
        count = book.count("plt.subplots(") if path.parent.name == "tutorials" else 0
        assert len(drawn) == count, where  # a sheet draws what is right, and nothing is yet


def test_each_section_of_the_readme_has_a_place(folder):
    headings = set()
    for path in [*folder.glob("*.html"), *folder.glob("*/index.html")]:
        text = path.read_text(encoding="utf-8")
        headings |= set(re.findall(r'<h[12]>(.*?)<a class="headerlink"', text))
    sections = texts.sections(texts.text_of("README.md"))
    assert {*sections} - headings == {"", "The idea", "Where to read on"}  # on the front page


# ---- links


class Page(HTMLParser):
    """A page's anchors and its links; `needed`: what it loads by itself."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links, self.needed = {""}, [], []
        self.html = path.read_text(encoding="utf-8")
        self.feed(self.html)

    def handle_starttag(self, tag, attributes):
        about = dict(attributes)
        self.anchors |= {about[key] for key in ("id", "name") if about.get(key)}
        if tag == "a" and "href" in about:
            self.links.append(about["href"])
        self.needed += [about["src"]] if "src" in about else []
        loads = tag == "link" and about.get("rel") in ("stylesheet", "icon")
        self.needed += [about["href"]] if loads else []


@pytest.fixture(scope="module")
def pages(folder):
    """name → page, of all that are ours."""
    pages = {
        path.relative_to(folder).as_posix(): Page(path)
        for path in folder.rglob("*.html")
        if path.relative_to(folder).parts[0] not in ("lite", "_static")
    }
    del pages["404.html"]  # it does not know in which folder it is
    return pages


def test_every_link_leads_somewhere(folder, pages):
    """Pages, anchors, pictures and files; what a page loads is on this site."""
    broken, count = [], 0
    for name, page in pages.items():
        for url in page.links + page.needed:
            parts = urlsplit(url)
            if parts.scheme in ("http", "https", "mailto") and url not in page.needed:
                continue
            count += 1
            path = (folder / name).parent / unquote(parts.path) if parts.path else folder / name
            path = Path(os.path.normpath(path))
            there = path.is_file() and not parts.scheme and path.is_relative_to(folder)
            other = pages.get(path.relative_to(folder).as_posix()) if there else None
            if not there or other and unquote(parts.fragment) not in other.anchors:
                broken.append(f"{name}: {url}")
    print(f"{len(pages)} pages, {count} links")
    assert not broken and count > 1000


# ---- for everybody


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_serious_fault(opened, name, dark):
    if not AXE:
        pytest.skip("DYNSYS_NN_AXE names no axe.min.js (npm pack axe-core)")
    page = opened(name, "phone" if dark else "wide", dark)
    page.run(Path(AXE).read_text(encoding="utf-8") + ";0")
    found = page.run(
        """axe.run().then(r => r.violations.filter(v => ["serious", "critical"].includes(v.impact))
            .map(v => v.id + " " + v.nodes.map(n => n.target + ": " + n.failureSummary)))"""
    )
    assert not found


@pytest.mark.parametrize(
    "word, page", [("Cayley", "keeps.html"), ("symplectic", "04_symplectic_networks.html")]
)
def test_the_search_finds(opened, word, page):
    results = opened(f"search.html?q={word}")
    found = results.wait(
        """(items => document.querySelector(".search-summary")?.textContent
            && items.every(e => e.children.length > 1)  // a name's kind, or what is quoted
            && items.map(e => [e.querySelector("a").href, e.textContent])
           )([...document.querySelectorAll("ul.search li")])"""
    )
    assert any(page in url for url, _ in found)
    assert not [text for _, text in found if r"\(" in text or "Notebook Script" in text]


def test_the_keyboard_reaches_the_text_first(opened):
    page = opened("index.html")
    page.key("Tab", 9)
    assert page.run("document.activeElement.hash") == "#furo-main-content"
    page.key("Enter", 13)
    page.wait('location.hash == "#furo-main-content"')
    page.key("Tab", 9)
    assert page.run('document.activeElement.closest("article") != null')


def test_a_page_that_is_not_there_leads_to_the_front_page(site, opened):
    page = opened("404.html")
    page.wait(f"document.querySelector('a').href == {json.dumps(site + 'index.html')}")


def test_a_tutorial_is_seen_soon(opened):
    """First paint; a benchmark is not a test: it is printed, and one of minutes fails."""
    page = opened("tutorials/06_lipschitz_networks.html")
    paint = 'performance.getEntriesByName("first-contentful-paint")[0]?.startTime'
    milliseconds = page.wait(paint)
    print(f"first paint after {milliseconds:.0f} ms")
    assert milliseconds < 5000
