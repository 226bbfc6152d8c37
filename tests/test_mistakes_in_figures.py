"""What a user gets wrong on the command line of the figures, or in a file of labels, is refused before anything is trained; what may well be written is understood."""

import json

import matplotlib.pyplot as plt
import pytest

from dynsys_nn import plotting
from figures import leaky_slopes
from figures.__main__ import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["leaky_slopes", "--format", ""], "unknown format ; there are png, pdf"),
        ([""], "unknown figure ; there are resnet_is_euler"),
        (["leaky_slopes", "figsize=8x4"], "say --size 8x4: text and lines grow with it"),
        (["leaky_slopes", "--out", __file__], "test_mistakes_in_figures.py"),
    ],
)
def test_a_mistake_on_the_command_line(arguments, words, tmp_path, capsys):
    with pytest.raises(SystemExit) as refusal:
        main([*arguments, "--quick", *(() if "--out" in arguments else ("--out", str(tmp_path)))])
    assert refusal.value.code == 2 and words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_figure_named_twice_is_drawn_once(tmp_path, capsys):
    main(["leaky_slopes", "leaky_slopes", "--quick", "--out", str(tmp_path)])
    said = capsys.readouterr().out
    assert said.count("leaky_slopes.png") == 1 and "\n1 figure in " in said


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ("german.json", "labels is a dict of texts, got 'german.json'"),
        ({"titel": "x"}, "unknown label titel; there are activation, "),
        ({"activation": 3}, "the label 'activation' is a text, got 3"),
        ({"slope": "Steigung <a>"}, "the label 'slope' cannot say <a>, only <m>"),
        ({"z": "<m:.1f>"}, "the label 'z' cannot say <m>, only nothing"),
    ],
)
def test_a_mistake_in_the_labels(labels, words):
    with pytest.raises(ValueError, match=words):
        leaky_slopes.make(labels=labels)


def test_a_file_that_is_no_json_is_named(tmp_path, capsys):
    path = tmp_path / "german.json"
    path.write_text(json.dumps({"z": "z"})[:-1])
    with pytest.raises(SystemExit):
        main(["leaky_slopes", f"labels={path}"])
    assert f"{path} is not JSON" in capsys.readouterr().err.replace("\n", "")


def test_the_list_says_which_figures_move(capsys):
    main(["--list", "point_separation", "leaky_slopes"])
    moving, _, still = capsys.readouterr().out.partition("leaky_slopes  ")
    assert "--format gif,mp4,html,pdf" in moving and "--format" not in still


@pytest.mark.parametrize("style", plotting.STYLES)
def test_keywords_may_be_short_in_every_style(style):
    with plt.style.context(plotting.STYLES[style]):
        lines = plotting.components([0, 1], [[1, 2], [3, 4]], c="C3", ls=":")
        lines += plotting.certified_accuracy([0, 1], [0.9, 0.8], [0.9, 0.9], c="C3", ls=":")
        assert {(y.get_color(), y.get_linestyle()) for y in lines} == {("C3", ":")}
        plt.close()
