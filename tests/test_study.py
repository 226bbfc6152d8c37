"""The study of five networks, on the digits: from pixels to logits the constrained ones are 1-Lipschitz, and no certificate breaks."""

from itertools import product

import numpy as np
import pytest
from conftest import run

import dynsys_nn as dnn
from figures import study
from figures.study import __main__ as command
from figures.study import rows


class Few(study.Data):
    """Half of the training images, and 150 to test with."""

    def __init__(self, name):
        super().__init__(name)
        self.x, self.y = self.x[:700], self.y[:700]
        self.x_test, self.y_test = self.x_test[:150], self.y_test[:150]


@pytest.fixture
def data():
    return Few("digits")


@pytest.mark.parametrize("kind", study.KINDS)
def test_a_network_of_the_study_learns_and_is_certified_from_pixels_to_logits(kind, data, tmp_path):
    # the constant of a residual field takes the SVD of a dense matrix
    data.width = 8 if kind in ("non_expansive", "flexible") else 4
    net = study.train(kind, data, folder=tmp_path, epochs=0.2)
    numbers = rows.row(net, data, images=25)
    assert numbers["violations"] == 0 and net.theta.dtype == np.float32
    assert numbers["clean"] > 25 and 0 <= numbers["certified 36/255"] <= numbers["clean"]
    assert numbers["attacked 1"] <= numbers["attacked 0.3"] <= numbers["published 0.3"] + 1e-9
    if kind == "unconstrained":
        assert numbers["ℓ"] > 1
    else:
        assert numbers["ℓ"] <= 1 + 1e-12
    assert [path.name for path in tmp_path.iterdir()] == [
        f"digits-{kind}-0.7-0-0.2.npz"
    ]  # no checkpoint is left
    again = study.train(
        kind, data, folder=tmp_path, epochs=0.2
    )  # and another run takes it from there
    assert again.theta.tobytes() == net.theta.tobytes()


def test_several_seeds_are_summed_up_by_their_ranges(capsys):
    settings = [*product((0.7, 1.0), ("naive", "flexible"), range(3))]
    clean = (50.0, 51.25, 49.5, 40, 41, 42, 32, 30.0, 31.0, 20.125, 20, 21)
    found = [{"clean": percent, "ℓ": 1.0} for percent in clean]
    command.say(settings, zip("abcdefghijkl", found, strict=True))
    said = capsys.readouterr().out.splitlines()
    assert said[:12] == [*"abcdefghijkl"] and said[12:] == [
        "| network | margin | seeds | clean | ℓ |",
        "|---|---|---|---|---|",
        "| naive | 0.7 | 3 | 49.5–51.25 | 1 |",
        "| flexible | 0.7 | 3 | 40–42 | 1 |",
        "| naive | 1 | 3 | 30–32 | 1 |",
        "| flexible | 1 | 3 | 20–21 | 1 |",
    ]
    command.say(settings[:1], [("a", found[0])])
    assert capsys.readouterr().out == "a\n"


def test_the_flexible_network_has_steps_of_both_signs(data):
    net, _ = study.network("flexible", data, np.random.default_rng(0))
    steps = [F.h for F in net.maps if isinstance(F, dnn.Flow)]
    assert min(steps) < 0 < max(steps)


def test_the_study_says_where_the_data_is_to_be_had_and_takes_the_digits(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("DYNSYS_NN_DATA", str(tmp_path))
    monkeypatch.setattr(command, "Data", Few)
    command.main(
        ["non_expansive", "--epochs", "0.01", "--images", "5", "--out", str(tmp_path / "trained")]
    )
    said = capsys.readouterr().out
    assert "kriz/cifar" in said
    assert "non_expansive  margin 0.7  seed 0  clean" in said
    assert (tmp_path / "trained" / "digits-non_expansive-0.7-0-0.01.npz").exists()
    done = run("-m", "figures.study", "unconstraint", cwd=tmp_path)
    assert (
        done.returncode == 2
        and "unknown kind unconstraint; there are unconstrained, naive" in done.stderr
    )
