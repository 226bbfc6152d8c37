"""Every page of the site as a reader has it: nothing too wide, nothing unrendered, no error, no request to another host."""

import pytest

PAGES = (
    "index.html",
    "tutorials/01_resnets_are_euler_steps.html",
    "gallery/contraction_region.html",
    "reference/index.html",
    "play.html",
)
SCREENS = {"wide": (1280, 800, False), "phone": (390, 844, True)}


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_it_should_be(site, browser, name, screen):
    page = browser.page(*SCREENS[screen])
    page.open(site + name)
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    assert not page.errors + page.failed
    assert all(url.startswith((site, "data:", "blob:")) for url in page.asked)
    page.close()
