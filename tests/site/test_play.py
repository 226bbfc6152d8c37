"""The live figures in the browser say and show what the package does, and what they load."""

import json
import re
import time

import chromium
import matplotlib.pyplot as plt
import pytest

from figures import live
from figures.live.stage import module_of

LIVE = "!document.querySelector('#picture canvas').hidden"
START = "!document.querySelector('#start').disabled"
SAYS = "document.querySelector('#says').textContent"
STATE = "document.querySelector('#state').textContent"
PICTURE = "document.querySelector('#picture canvas').toDataURL()"
#: what is seen of the picture that stands there before the start
STILL = "[...document.querySelectorAll('#picture img')].filter(i => i.offsetWidth).map(i => i.naturalWidth)"
DRAG = "import(new URL('live/report.js', location)).then(r => r.drag(document.querySelector(`{}`)))"
#: the heights of what a finger is to find
FINGER = "...[...document.querySelectorAll('#film a, #play button, #sliders label')].map(e => e.offsetHeight)"
#: a slider goes to its end and back before a frame can be drawn
THROUGH = """(slider => [slider.max, slider.min].forEach(value => {
    slider.value = value;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
}))"""
#: what a slider says
BESIDE = "document.querySelector(`{}`).closest('fieldset').querySelector('output').textContent"
#: the figure whose small picture is nearest to what the canvas has
NEAREST = """
(() => {
  const small = document.createElement("canvas"), [width, height] = [104, 48];
  Object.assign(small, {width, height});
  const pixels = (image) => {
    const context = small.getContext("2d", {willReadFrequently: true});
    context.drawImage(image, 0, 0, width, height);
    return context.getImageData(0, 0, width, height).data;
  };
  const seen = pixels(document.querySelector("#picture canvas"));
  const far = (link) => pixels(link.querySelector(".only-light")).reduce(
    (sum, value, k) => sum + (value - seen[k]) ** 2, 0);
  const links = [...document.querySelectorAll("#film a")];
  const nearest = links.reduce((a, b) => far(a) <= far(b) ? a : b);
  return new URLSearchParams(nearest.search).get("figure");
})()
"""


@pytest.fixture(scope="module")
def own(folder):
    """That the site has a Python of its own: no test asks another host."""
    about = json.loads((folder / "live" / "about.json").read_text("utf-8"))
    if "://" in about["pyodide"]:
        pytest.skip("this site takes Python from elsewhere: build it with --pyodide")


@pytest.fixture(scope="module")
def page(own, site, browser):
    """A phone, and on it a figure at other values than its first, with Start pressed."""
    page = browser.page(390, 844, mobile=True)
    page.open(site + "play.html?figure=contraction_region&h_C=1.2&depth=4&slope=9")
    page.wait(START)
    page.click("#start")
    page.wait(LIVE, 180)
    yield page
    assert not page.errors + page.failed
    page.close()


class Native:
    """What a live figure says on this machine."""

    def __init__(self, name, **values):
        fig = plt.figure()
        self.update = module_of(name).start(fig, live.words_of(name))
        plt.close(fig)
        self.values = live.values_of(name, values)

    def says(self, **values):
        self.values |= values
        return self.update(**self.values)


def shows(page, caption):
    """When the newest frame is drawn, the page says this; what is 0 up to rounding is 0."""
    page.wait("document.querySelector('#picture').ariaBusy != 'true'", 20)

    def rounded(text):
        return re.sub(r"\b\de-1[4-9]|0e\+00", "0", text)

    end = time.monotonic() + 10
    while rounded(said := page.run(SAYS)) != rounded(caption) and time.monotonic() < end:
        time.sleep(0.05)
    assert rounded(said) == rounded(caption)


def choose(page, name):
    """Another figure."""
    page.click(f"#film a[href='?figure={name}']")
    page.wait(f"document.querySelector('#name').textContent == '{name}' && {LIVE}", 120)


def control(name):
    """The slider, or the first of the buttons, of a control."""
    return f"#sliders [name='{name}']"


def dragged(page, key):
    """The frames a second while a slider is dragged, the most of three times: others may
    need the machine, too."""
    return max(page.run(DRAG.format(control(key)))["rate"] for _ in range(3))


def along(page, name, *shares):
    """Points on a slider's way."""
    page.middle(control(name))  # in sight
    box = f"document.querySelector(`{control(name)}`).getBoundingClientRect()"
    x, y, width, height = page.run(f"(b => [b.x, b.y, b.width, b.height])({box})")
    return [(x + share * width, y + height / 2) for share in shares]


def test_before_the_start_there_is_a_picture_and_nothing_is_loaded(site, browser):
    page = browser.page()
    page.open(site + "play.html")
    page.wait(START)
    assert not [url for url in page.asked if re.search("pyodide|wheels|zip|worker", url)]
    assert page.run(STILL) == [1300]
    shows(page, Native("contraction_region").says())
    assert page.run("[...document.querySelectorAll('#sliders fieldset')].every(s => s.disabled)")
    words = page.run("document.querySelector('#loads').textContent")
    assert re.search(r"loads 27 MB from (this site|https://\S+): .* SciPy, too, 14 MB", words)
    page.dark()
    assert page.run(STILL) == [1300]
    assert page.run(f"{STILL.replace('naturalWidth', 'src')}[0].endsWith('_dark.png')")
    assert not page.errors + page.failed
    page.close()


def test_it_loads_what_it_says(page, folder):
    """And begins where its address says, where a slider can be."""
    shows(page, Native("contraction_region", h_C=1.2, depth=4).says())
    assert page.run(f"document.querySelector(`{control('slope')}`).value") == "0.5"
    assert 26 < page.bytes / 1e6 < 28.5
    assert not [url for url in page.asked if "scipy" in url]
    [scipy] = folder.glob("pyodide/scipy-*.whl")
    assert round(scipy.stat().st_size / 1e6) == 14


@pytest.mark.parametrize("name", live.NAMES)
def test_keys_and_a_finger_move_a_figure_as_it_moves_natively(page, name):
    choose(page, name)
    native = Native(name)
    shows(page, native.says())
    assert page.run(NEAREST) == name
    assert page.too_wide() <= 0
    assert page.run(f"Math.min({FINGER})") >= 40
    for key, c in live.controls_of(name).items():
        page.run(f"document.querySelector(`{control(key)}`).focus()")
        if c.names:
            first = page.run(PICTURE)
            page.key("ArrowRight", 39)
            shows(page, native.says(**{key: c.names[1]}))
            assert page.run(PICTURE) != first
            page.click(f"{control(key)}[value='{c.names[-1]}']")
            shows(page, native.says(**{key: c.names[-1]}))
            page.click(f"{control(key)}[value='{c.value(c.first)}']")
            shows(page, native.says(**{key: c.value(c.first)}))
            assert page.run(PICTURE) == first
            continue
        page.key("Home", 36)
        shows(page, native.says(**{key: c.value(c.least)}))
        least = page.run(PICTURE)
        page.key("End", 35)
        shows(page, native.says(**{key: c.value(c.most)}))
        assert page.run(PICTURE) != least
        page.touch(*along(page, key, 0.95, 0.7, 0.4))
        position = float(page.run(f"document.querySelector(`{control(key)}`).value"))
        assert 0.3 < (position - c.least) / (c.most - c.least) < 0.5
        shows(page, native.says(**{key: c.value(position)}))
        assert page.run(BESIDE.format(control(key))) == c.text(position)
        address = page.run("Object.fromEntries(new URLSearchParams(location.search))")
        assert address["figure"] == name
        assert float(address.get(key, c.first)) == position
        page.run(f"{THROUGH}(document.querySelector(`{control(key)}`))")
        shows(page, native.says(**{key: c.value(c.least)}))
        assert page.run(PICTURE) == least  # nothing is left of what was shown between
    page.click("#reset")
    shows(page, Native(name).says())
    assert page.run("location.search") == f"?figure={name}"


def test_back_is_the_figure_before_at_its_values(page):
    choose(page, "leaky_slopes")
    page.run(f"document.querySelector(`{control('m')}`).focus()")
    page.key("End", 35)
    most = float(page.run(f"document.querySelector(`{control('m')}`).value"))
    choose(page, "presnov")
    page.run("history.back()")
    page.wait(f"document.querySelector('#name').textContent == 'leaky_slopes' && {LIVE}", 20)
    shows(page, Native("leaky_slopes", m=most).says())


def test_in_the_dark_and_on_a_wide_screen_it_is_drawn_anew(page):
    choose(page, "leaky_slopes")
    corner = (
        "document.querySelector('#picture canvas').getContext('2d').getImageData(0, 0, 1, 1).data"
    )
    for dark, colour in ((True, [0x15, 0x18, 0x1C]), (False, [255] * 3)):
        page.dark(dark)
        page.wait(f"[...{corner}].slice(0, 3) == '{','.join(map(str, colour))}'", 20)
    page.size(1280, 800)
    column = "document.querySelector('#picture canvas').offsetWidth"
    page.wait(f"{column} > 600 && {column} == document.querySelector('#picture canvas').width", 20)
    shows(page, Native("leaky_slopes").says())


def test_the_page_tests_itself_and_draws_20_frames_a_second(own, site, browser):
    page = browser.page()
    page.open(site + "play.html?report=/told")
    end = time.monotonic() + 240
    while not page.posted and time.monotonic() < end:
        time.sleep(0.5)
    [(address, told)] = page.posted
    told = json.loads(told)
    assert address == site + "told" and "failed" not in told and told["start"] > 0
    assert {*told["figures"]} == {f"?figure={name}" for name in live.NAMES}
    for name in live.NAMES:
        sliders = told["figures"][f"?figure={name}"]["sliders"]
        known = [key for key, c in live.controls_of(name).items() if not c.names]
        assert [one["slider"] for one in sliders] == known
        assert max(one["captions"] for one in sliders) > 1
        for slow in [one for one in sliders if one["rate"] < 20]:
            choose(page, name)
            assert dragged(page, slow["slider"]) >= 20, (name, slow)
    page.close()


def test_it_can_be_stopped(own, site, browser):
    page = browser.page()
    page.open(site + "play.html")
    page.wait(START)
    page.click("#start")
    page.wait("document.querySelector('#start').textContent == 'Stop'")
    page.click("#start")
    assert page.run("document.querySelector('#start').textContent") == "Start"
    assert page.run(STILL) == [1300] and page.run(STATE) == ""
    assert page.run("document.querySelector('#progress').hidden")
    time.sleep(0.5)
    assert not page.errors and page.run(STATE) == ""
    page.close()


@pytest.mark.parametrize(
    ("lost", "says"),
    [
        ("pyodide", "Loading Python has failed: "),
        ("wheels", "Loading the package has failed: .*whl.*: 404"),
        ("live/worker.js", "The worker that runs Python could not be started"),
        ("live/about.json", "What the figures need is not here: live/about.json"),
    ],
)
def test_what_cannot_be_loaded_is_named_and_the_picture_stays(
    own, folder, browser, tmp_path, lost, says
):
    for path in (*folder.iterdir(), *(folder / "live").iterdir()):
        there = path.relative_to(folder)
        if str(there) not in (lost, "live"):
            (tmp_path / there).parent.mkdir(exist_ok=True)
            (tmp_path / there).symlink_to(path)
    with chromium.served(tmp_path) as address:
        here = browser.page()
        here.open(address + "play.html?figure=presnov&s=0.5")
        if lost != "live/about.json":
            here.wait(START)
            here.click("#start")
        told = "document.querySelector('#state').textContent + document.querySelector('#loads').textContent"
        here.wait(f"({told}).match(/{says.replace('/', '.')}/)", 30)
        assert here.run(STILL) == [1300]
        assert here.run("document.querySelector('#command').textContent") == (
            "python -m figures --live presnov s=0.5"
        )
        assert all("Failed to load resource" in error for error in here.errors)
        here.close()


def test_from_a_file_it_says_what_it_needs(folder, browser):
    page = browser.page()
    page.open((folder / "play.html").resolve().as_uri())
    page.wait("document.querySelector('#loads').textContent.includes('http.server')")
    assert page.run(STILL) == [1300] and not page.run(START) and not page.errors
    page.close()
