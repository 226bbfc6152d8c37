"""The reference: each public name has one entry, and each docstring comes out as it is written."""

import doctest
import inspect
import re
import zlib
from collections import Counter
from functools import reduce
from textwrap import indent

import pytest
from public import public, signature

#: of each entry: its anchor, its head, its text, examples, indented lines, and the text without them
READ = """[...document.querySelectorAll("dt.sig[id]")].map(head => {
    const text = head.nextElementSibling.cloneNode(true)
    text.querySelectorAll("dl.py, .inherited, button").forEach(e => e.remove())
    const pick = what => [...text.querySelectorAll(what)].map(e => e.textContent)
    head.querySelectorAll("a").forEach(a => a.remove())
    const found = [head.id, head.textContent, text.textContent]
    const code = [pick(".highlight-pycon"), pick(".highlight-text")]
    text.querySelectorAll("pre").forEach(e => e.remove())
    return [...found, ...code, text.textContent]
})"""


@pytest.fixture(scope="module")
def pages(folder, site, browser):
    """name of a page → what a phone shows of it: its entries, how far it reaches, its links."""
    phone, found = browser.page(390, 844, True), {}
    for path in sorted(folder.glob("reference/*.html")):
        phone.open(f"{site}reference/{path.name}")
        links = phone.run(
            "[...document.querySelectorAll('article a:not(.headerlink)')].map(a => a.href)"
        )
        found[path.stem] = (
            phone.run(READ),
            phone.too_wide(),
            [link.removeprefix(site) for link in links],
        )
    yield found
    phone.close()


@pytest.fixture(scope="module")
def entries(pages):
    """anchor → head, text, examples, indented lines, text without them."""
    return {one: rest for shown, _, _ in pages.values() for one, *rest in shown}


def compact(text):
    """Without what a page may set otherwise: spaces, and a comma at the end of a list."""
    return re.sub(r",(?=\))", "", re.sub(r"\s|¶", "", text))


def described(entries):
    """entry → the thing that it describes, of all names and members that say something."""
    for anchor in entries:
        name = anchor.removeprefix("dynsys_nn.")
        top = max((one for one in public() if f"{name}.".startswith(f"{one}.")), key=len)
        way = filter(None, name.removeprefix(top).split("."))
        yield anchor, reduce(inspect.getattr_static, way, public()[top])


def test_each_public_name_has_one_entry(pages, folder):
    where = [(one, page) for page, (shown, _, _) in pages.items() for one, *_ in shown]
    count = Counter(one for one, _ in where)
    assert {f"dynsys_nn.{name}": count[f"dynsys_nn.{name}"] for name in public()} == {
        f"dynsys_nn.{name}": 1 for name in public()
    }
    assert max(count.values()) == 1
    *_, packed = (folder / "objects.inv").read_bytes().split(b"\n", 4)
    lines = [line.split(" ") for line in zlib.decompress(packed).decode().splitlines()]
    listed = {line[0]: line[3].replace("$", line[0]) for line in lines}
    assert not [one for one, page in where if listed[one] != f"reference/{page}.html#{one}"]


def test_an_entry_has_the_signature(entries):
    for name, thing in public().items():
        head, *_ = entries[f"dynsys_nn.{name}"]
        needed = re.sub(r"<class '[\w.]*?(\w+)'>", r"\1", f"dnn.{name}{signature(thing)}")
        kind = (
            ("exception" if issubclass(thing, Exception) else "class")
            if inspect.isclass(thing)
            else ""
        )
        assert compact(head).removesuffix("()") == kind + compact(needed).removesuffix("()")


def test_a_docstring_comes_out_as_it_is_written(entries):
    seen = 0
    for anchor, thing in described(entries):
        thing = getattr(thing, "__func__", thing)
        says = inspect.isclass(thing) or inspect.isfunction(thing) or isinstance(thing, property)
        if not says and anchor.removeprefix("dynsys_nn.") in public():
            continue  # a constant: what it shows is the comment above it
        _, text, examples, formulas, words = entries[anchor]
        written = inspect.cleandoc(thing.__doc__ or "") if says else ""
        parts = [p.source for p in doctest.DocTestParser().get_examples(written)]
        assert len(parts) == sum(e.count(">>>") for e in examples), anchor
        assert not re.search(r">>>|---", words), anchor
        for lines in formulas:
            assert any(indent(lines.rstrip(), " " * k) in written for k in (4, 8)), lines
        plain = re.sub(r"^-{3,}$|`|(?<!\*)\*(?=is\*)|(?<=\*is)\*", "", written, flags=re.M)
        assert compact(text) == compact(re.sub(r"^(\S.*?) : ", r"\1", plain, flags=re.M)), anchor
        seen += says
    assert seen > len(public())


def test_no_page_is_too_wide_for_a_phone(pages):
    assert not [page for page, (_, wide, _) in pages.items() if wide > 0]


def test_names_in_texts_lead_to_entries(pages, folder):
    links = {link for *_, links in pages.values() for link in links if "#dynsys_nn." in link}
    assert {f"dynsys_nn.{name}" for name in public()} <= {link.partition("#")[2] for link in links}
    tutorial = (folder / "tutorials/01_resnets_are_euler_steps.html").read_text(encoding="utf-8")
    theirs = set(re.findall(r'"\.\./(reference/\w+\.html#dynsys_nn\.[^"]+)"', tutorial))
    assert "reference/maps.html#dynsys_nn.Network" in theirs
    for link in links | theirs:
        path, _, anchor = link.partition("#")
        assert f'id="{anchor}"' in (folder / path).read_text(encoding="utf-8")


def test_search_finds_a_word_that_stands_in_a_docstring_alone(site, browser):
    page = browser.page()
    page.open(f"{site}search.html?q=revolve")
    found = "[...document.querySelectorAll('#search-results li a')].map(a => a.href)"
    page.wait(f"{found}.length > 0")
    assert all("reference/adjoints.html" in link for link in page.run(found))
    page.close()


def test_an_example_is_copied_without_its_prompts(site, browser):
    page = browser.page()
    page.open(f"{site}reference/fields.html")
    page.run(
        "document.addEventListener('copy', () => { window.copied = document.activeElement.value })"
    )
    button = "[id='dynsys_nn.Field'] + dd .highlight-pycon button.copybtn"
    page.wait(f"!!document.querySelector({button!r})")
    page.run(f"document.querySelector({button!r}).click()")
    parts = doctest.DocTestParser().get_examples(public()["Field"].__doc__)
    assert page.wait("window.copied") == "".join(part.source for part in parts).rstrip()
    page.close()
