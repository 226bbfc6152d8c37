"""How to cite: CITATION.cff as a page, with entries for BibTeX."""

import yaml

from . import texts

PAGE = """\
# How to cite

{message}

{subject}

```bibtex
{entries}
```

The same, for programs that read it: [CITATION.cff](CITATION.cff).

## Licence

```text
{licence}
```
"""
#: BibTeX's word for a key of CITATION.cff
WORDS = {"journal": "journal", "volume": "volume", "issue": "number", "pages": "pages",
         "version": "version", "doi": "doi", "url": "url"}  # fmt: skip


def page(subject):
    """The page's source; subject: what README says of the paper and the licence."""
    about = yaml.safe_load(texts.text_of("CITATION.cff"))
    entries = [entry("software", about), *map(article, about["references"])]
    return PAGE.format(
        message=about["message"],
        subject=subject,
        entries="\n\n".join(entries),
        licence=texts.text_of("LICENSE").strip(),
    )


def article(about):
    return entry("article", about | {"pages": f"{about['start']}--{about['end']}"})


def entry(kind, about):
    """An entry for BibTeX, of one of CITATION.cff."""
    year = about.get("year") or about["date-released"][:4]
    first = about["authors"][0]
    name = first.get("family-names", about["title"])
    known = {WORDS[key]: value for key, value in about.items() if key in WORDS}
    fields = {
        "author": texed("\n    and ".join(map(author, about["authors"]))),
        "title": texed(f"{{{about['title']}}}"),
        **known,
        "year": year,
    }
    lines = [f"  {word} = {{{value}}}," for word, value in fields.items()]
    return "\n".join([f"@{kind}{{{name.lower()}{year},", *lines, "}"])


def texed(text):
    """A text as TeX has it: an underscore alone would begin an index."""
    return text.replace("_", r"\_")


def author(about):
    """Family, Given; a group's name as it is."""
    if "name" in about:
        return f"{{{about['name']}}}"
    return f"{about['family-names']}, {about['given-names']}"
