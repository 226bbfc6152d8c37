"""The two slopes of an activation, those of the step x − hσ(x), and what it does to
distances."""

import dynsys_nn as dnn
from dynsys_nn.plotting import em, look, shade

from ..drawing import Words
from ..leaky_slopes import across, bent, draw_axes, draw_steep, step_of, what_it_does

CONTROLS = {"m": (0.0, 1.0, 0.5), "h": (0.05, 2.5, 4 / 3)}
LABELS = {
    "activation": r"the activation $\sigma$",
    "step": r"the step $x^{+} = x - h\,\sigma(x)$",
    "factor": "the largest factor of distances",
    "z": "$z$",
    "x": "$x$",
    "h": "$h$",
    "slope": "slope $m$",
    "slope one": "slope $1$",
    "left slope": "$1 - hm$",
    "right slope": "$1 - h$",
    "steep": "distances grow",
    "says": "<what>: factors up to max(|1 − hm|, |1 − h|) = <bound>",
    "shrinks": "all distances shrink",
    "keeps": "no distance grows",
    "grows": "some distances grow",
}
LAST = CONTROLS["h"][1]


def start(fig, labels=Words(LABELS)):
    left, middle, right = fig.subplots(1, 3)
    left.axvline(0, color=shade(0.3), linewidth=em(0.05), zorder=0)
    draw_steep(middle, labels["steep"])
    lines, names = [], []
    slopes = (left, "slope", "slope one"), (middle, "left slope", "right slope")
    for ax, *words in slopes:
        draw_axes(ax)
        thick = dict(linewidth=em(0.3), solid_capstyle="round", zorder=3)
        lines.append([ax.plot([], [], **look(1 - k, **thick))[0] for k in (0, 1)])
        for k, side in enumerate((-1, 1)):
            place = across(1, side)
            place = dict(place, color=f"C{1 - k}", fontsize="large", zorder=4)
            names.append(ax.text(s=labels[words[k]], **place))
    left.set(title=labels["activation"], xlabel=labels["z"])
    middle.set(title=labels["step"], xlabel=labels["x"])
    right.axhspan(1, 1.55, color=shade(0), zorder=-2)
    right.text(0.06, 1.27, labels["steep"], fontsize="small", va="center")
    right.set(xlim=(0, 1.03 * LAST), ylim=(0, 1.55), xticks=[0, 1, 2], yticks=[0, 1])
    right.set(title=labels["factor"], xlabel=labels["h"], box_aspect=1)
    [curve] = right.plot([], [], **look(2, zorder=3))
    [now] = right.plot([], [], "o", color="C2", markersize=em(0.7), zorder=4)

    def update(m, h):
        step = step_of(m, h)
        factor = step.lipschitz()
        for pair, f in zip(
            lines, (dnn.LeakyReLU(m), lambda x: step(x[:, None])[:, 0]), strict=True
        ):
            x, y, slopes = bent(f)
            for k, line in enumerate(pair):
                line.set_data(x[k : k + 2], y[k : k + 2])
        for k, (name, side) in enumerate(zip(names[2:], (-1, 1), strict=True)):
            place = across(slopes[k], side)
            name.set(y=place["y"], va=place["va"])
        now.set_data([h], [factor])
        kinks, factors = [1e-9, 2 / (1 + m), LAST], []  # between them it is affine in h
        for step.h in kinks:
            factors.append(step.lipschitz())
        curve.set_data(kinks, factors)
        return labels("says", what=labels[what_it_does(factor)], bound=factor)

    return update
