"""A figure as files: in a style, size and font; still, moving, or a deck's frames."""

import contextlib
import importlib
import logging
import re
import shutil
import time
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.animation import AbstractMovieWriter
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.font_manager import FontProperties, findfont

from dynsys_nn.plotting import STYLES

#: of a still, with what would otherwise change from run to run in the file
STILL = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None},
}
#: of an animation: gif, mp4 (by ffmpeg), a web page with controls, or the frames as
#: pages of a PDF
MOVING = "gif", "mp4", "html", "pdf"
FORMATS = tuple(dict.fromkeys([*STILL, *MOVING]))
# what it says of the dates in matplotlib's own fonts, in each PDF, is nobody's concern
logging.getLogger("fontTools.ttLib.tables._h_e_a_d").setLevel(logging.ERROR)
#: settings in points: they grow with the picture
POINTS = (
    "font.size", "lines.linewidth", "lines.markersize", "axes.linewidth",
    "patch.linewidth", "axes.titlepad", "axes.labelpad", *[
        f"{axis}tick.{kind}.{what}" for axis in "xy" for kind in ("major", "minor")
        for what in ("size", "width", "pad")
    ],
)  # fmt: skip


def message(name):
    """The figure's message: the first paragraph of its script's docstring."""
    paragraphs = importlib.import_module(f"figures.{name}").__doc__.split("\n\n")
    return " ".join(paragraphs[0].split())


def moves(name):
    """Whether a figure has an animation."""
    return hasattr(importlib.import_module(f"figures.{name}"), "animate")


def looked_at(formats, font=None):
    """The formats in a text, png,mp4; ValueError for one that cannot be made here."""
    formats = tuple(formats.split(","))
    unknown = [kind for kind in formats if kind not in FORMATS]
    if unknown:
        there = ", ".join(FORMATS)
        raise ValueError(f"unknown format {', '.join(unknown)}; there are {there}")
    if "mp4" in formats and not shutil.which(mpl.rcParams["animation.ffmpeg_path"]):
        raise ValueError(
            "mp4 needs the program ffmpeg, which is not found: gif, html and pdf do not"
        )
    if font is not None:
        try:
            findfont(FontProperties(family=font), fallback_to_default=False)
        except ValueError:
            raise ValueError(f"the font {font!r} is not found here") from None
    return formats


@contextlib.contextmanager
def style(name="lecture", font=None, scale=1.0):
    """A style of `plotting.STYLES`, in another font, or with other sizes in points."""
    with plt.style.context(STYLES[name]):
        mpl.rcParams.update({key: scale * mpl.rcParams[key] for key in POINTS})
        if font is not None:
            mpl.rcParams["font.family"] = font
        yield


def scale_of(make, size):
    """How much smaller, or larger, than its own size the figure `make` is drawn."""
    own = make.defaults["figsize"]
    return 1.0 if size is None else min(size[0] / own[0], size[1] / own[1])


def draw(
    name,
    out,
    format="png",
    quick=False,
    look="lecture",
    size=None,
    font=None,
    **options,
):
    """Draw one figure into the folder `out`; returns the paths written.

    format: one of FORMATS, or several, "pdf,mp4": each still one for the figure, which
    is a png otherwise, and each moving one for its animation, if it has one, a gif
    otherwise. size: (width, height) in inches, text and lines with it; options: those
    of `make`.
    """
    module, out = importlib.import_module(f"figures.{name}"), Path(out)
    formats = looked_at(format, font)
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    with style(look, font, scale_of(module.make, size)):
        sized = {} if size is None else {"figsize": size}
        fig = module.make(quick, **options, **sized)
        for kind in [kind for kind in formats if kind in STILL] or ["png"]:
            paths.append(out / f"{name}.{kind}")
            fig.savefig(paths[-1], metadata=STILL[kind])
        plt.close(fig)
    if moves(name):
        known = module.animate.options
        moved = {key: value for key, value in options.items() if key in known}
        with style(look, font, scale_of(module.animate, size)):
            animation = module.animate(quick, **moved, **sized)
            for kind in [kind for kind in formats if kind in MOVING] or ["gif"]:
                paths.append(save(animation, out / name, kind))
            plt.close("all")
    return paths


def drawn(task, draw_one):
    """Draw some figures, one after the other: their names, files and seconds."""
    begin = time.perf_counter()
    paths = [path for name in task for path in draw_one(name)]
    return task, paths, time.perf_counter() - begin


def save(animation, path, kind, dpi=80):
    """An animation as a file `path`.kind, or `path`_frames.pdf; returns its path."""
    # a frame is drawn when it is saved: it need not be drawn before, too
    animation._fig.canvas.draw_idle = lambda: None
    path = path.with_name(
        f"{path.name}_frames.pdf" if kind == "pdf" else f"{path.name}.{kind}"
    )
    if kind == "gif":
        animation.save(path, writer="pillow", dpi=dpi)
    elif kind == "mp4":
        exact = ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-pix_fmt", "yuv420p"]
        writer = mpl.animation.FFMpegWriter(
            1000 / animation._interval, extra_args=exact
        )
        animation.save(path, writer=writer, dpi=dpi)
    elif kind == "html":
        with plt.rc_context({"savefig.dpi": dpi, "animation.embed_limit": 200}):
            page = animation.to_jshtml()
        # matplotlib draws another number each time
        [number] = set(re.findall(r'id="_anim_img(\w+)"', page))
        path.write_text(page.replace(number, path.stem), "utf-8")
    else:
        animation.save(path, writer=Frames())
    return path


class Frames(AbstractMovieWriter):
    """Each frame a page of one PDF, for \\animategraphics of LaTeX's animate."""

    def __init__(self):
        super().__init__()
        self._bitrate = 0

    def setup(self, fig, outfile, dpi=None):
        super().setup(fig, outfile, dpi)
        self.pages = PdfPages(outfile, metadata=STILL["pdf"])

    def grab_frame(self, **savefig_kwargs):
        self.fig.savefig(self.pages, format="pdf")

    def finish(self):
        self.pages.close()
