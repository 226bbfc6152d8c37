"""What becomes of the project's texts on the site's pages: links, sections, questions set off, openings. The pages themselves: tests/site."""

import json
import re

import pytest
from conftest import ROOT

from tutorials import notebooks
from tutorials.site import books, texts


@pytest.fixture
def source(tmp_path):
    """A folder of pages with two in it."""
    for name in ("tutorials/06_lipschitz_networks.ipynb", "reference/maps.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    "link, page",
    [
        ("tutorials/06_lipschitz_networks.py", "/tutorials/06_lipschitz_networks.ipynb"),
        ("dynsys_nn/maps/__init__.py", "/reference/maps.md"),
        ("CONTRIBUTING.md", "/contributing.md"),
        ("setup.cfg", "/files/setup.cfg"),  # it has no page: a copy
        ("dynsys_nn/losses.py", "/files/dynsys_nn/losses.py"),  # nor has this one, here
        ("https://arxiv.org/abs/2210.02373", "https://arxiv.org/abs/2210.02373"),
        ("#setup", "#setup"),
    ],
)
def test_a_link_leads_to_a_page_or_to_a_copy(source, link, page):
    assert texts.linked(f"see [it]({link}).", source) == f"see [it]({page})."
    if page.startswith("/files/"):
        assert (source / page[1:]).read_bytes() == (ROOT / link).read_bytes()


def test_a_link_is_read_from_the_folder_of_its_text(source):
    found = texts.linked("[t](../06_lipschitz_networks.py)", source, "tutorials/labs")
    assert found == "[t](/tutorials/06_lipschitz_networks.ipynb)"
    with pytest.raises(FileNotFoundError):
        texts.linked("[t](nowhere.py)", source)


def test_tutorials_and_sheets_are_linked_where_they_are_mentioned():
    text = "Tutorial 6, sheet 2, tutorial 99, tutorials 3 to 5"
    assert texts.mentioned(text) == (
        "[Tutorial 6](/tutorials/06_lipschitz_networks.ipynb), "
        "[sheet 2](/labs/2_the_adjoint_of_a_field.ipynb), tutorial 99, tutorials 3 to 5"
    )


def test_sections():
    parts = texts.sections("# T\n\nfirst\n\n## A b\n\none\n\n### c\n\ntwo\n\n## D\nthree\n")
    assert parts == {"": "# T\n\nfirst", "A b": "one\n\n### c\n\ntwo", "D": "three"}


def test_a_docstring_says_what_it_says():
    assert texts.plain("h_C *x* |y| <k> `a_b` $3") == r"h\_C \*x\* \|y\| \<k\> `a_b` \$3"


def test_no_number_in_a_table_is_broken_at_its_hyphen():
    assert (
        texts.unbroken("1e-9\n\n| one-sided | 2.5e-09 → -1 |\n")
        == "1e-9\n\n| one-sided | 2.5e−09 → -1 |\n"
    )


def test_a_question_is_set_off():
    box = ":::{admonition} Before you run it\n:class: predict\n\nHow large is\nit?\n:::"
    asked = "A step.\n**Before you run\nit:** how large is\nit?\n\nThen more."
    assert books.set_off(asked) == f"A step.\n\n{box}\n\nThen more."


def test_each_question_of_each_script_is_set_off():
    for text in notebooks.notebooks(notebooks.scripts()).values():
        cells = json.loads(books.as_page(text, "BAR"))["cells"]
        assert cells[0]["source"].startswith("# ") and "\nBAR\n" in cells[0]["source"]
        asked = [cell for cell in cells if "predict" in cell["metadata"].get("tags", ())]
        assert len(asked) == text.count("**Before you run")
        for cell in asked:
            assert cell["source"].count(":class: predict") == 1
            assert "**Before you run" not in cell["source"]
        kept = [c["source"] for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
        assert [c["source"] for c in cells if c["cell_type"] == "code"] == kept[1:]


def test_no_line_of_a_formula_is_an_item_of_a_list():
    formulas = []
    for path in notebooks.scripts():
        for cell in notebooks.opened(notebooks.text_of(path)):
            if cell.kind == "markdown":
                words = re.sub(r"`.*?`", "", cell.text)
                formulas += re.findall(r"\$\$.*?\$\$|\$.*?\$", words, re.S)
    assert len(formulas) > 500
    assert not [f for f in formulas if re.search(r"\n\s*([-+*>]|\d+[.)])\s", f)]


def test_a_tutorial_is_known_by_its_first_words():
    for text in notebooks.notebooks(notebooks.scripts()).values():
        title, idea = books.opening(text)
        assert f"# {title}" in text and "$$" not in idea
        assert 40 < len(idea) < 500 and idea.count("$") % 2 == 0
    assert books.opening(text)[0] == "Lab 16. An implicit step and its adjoint"
