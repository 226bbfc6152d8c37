"""fit(…, augment=f): what is trained with is f(x, rng), at random, and a training that was killed still ends as if nothing had been."""

import json

import numpy as np
import pytest

import dynsys_nn as dnn
from dynsys_nn.arguments import WrongResult
from figures import study

MSE, X = dnn.MeanSquaredError(), np.linspace(-1, 1, 10)[:, None]


def noise(x, rng):
    return x + 0.1 * rng.normal(size=x.shape)


def fitted(augment=noise, epochs=3, batch_size=4, optimiser=None, net=None, **options):
    net, optimiser = net or dnn.Affine(1, 1, rng=0), optimiser or dnn.Adam(dnn.OneCycle(1e-3, 0.1))
    options = dict(batch_size=batch_size, rng=0, progress=False, augment=augment) | options
    return net, dnn.fit(net, MSE, X, np.sin(3 * X), optimiser, epochs, **options)


class Killed(Exception):
    pass


@pytest.mark.parametrize("batch_size", [4, None])
def test_a_killed_training_on_augmented_batches_ends_as_if_nothing_had_been(batch_size, tmp_path):
    path, options = tmp_path / "run.npz", dict(epochs=6, batch_size=batch_size)
    whole, history = fitted(**options)

    def kill(step, loss):
        if step == 4:
            raise Killed

    with pytest.raises(Killed):
        fitted(checkpoint=path, after_step=kill, **options)
    again, other = fitted(checkpoint=path, **options)
    assert again.theta.tobytes() == whole.theta.tobytes() and other.loss == history.loss
    assert fitted(augment=None, **options)[1].loss != history.loss
    with pytest.raises(ValueError, match="whose rng was another one at the start"):
        fitted(checkpoint=path, **options | dict(rng=1))


def test_each_batch_is_trained_with_as_augment_returns_it_and_nothing_else_is():
    """2x in place of x, to the last bit; targets, validation data and the samples themselves stay."""
    seen, before = [], X.copy()

    def twice(x, rng):
        seen.append((x.copy(), rng))
        return 2 * x

    options = dict(rng=np.random.default_rng(0), validation=(X, X))
    net, history = fitted(twice, **options)
    assert len(seen) == 9 and [len(x) for x, _ in seen[:3]] == [4, 4, 2]
    np.testing.assert_array_equal(np.sort(np.concatenate([x for x, _ in seen[:3]]), axis=0), X)
    assert {id(rng) for _, rng in seen} == {id(options["rng"])}
    np.testing.assert_array_equal(X, before)
    other = dnn.Affine(1, 1, rng=0)
    options = dict(options, rng=0, batch_size=4, progress=False)
    adam = dnn.Adam(dnn.OneCycle(1e-3, 0.1))
    right = dnn.fit(other, MSE, 2 * X, np.sin(3 * X), adam, 3, **options)
    assert net.theta.tobytes() == other.theta.tobytes() and history.loss == right.loss
    assert history.validation == right.validation


def test_what_augment_must_not_do_is_said():
    def in_place(x, rng):
        x += 1
        return x

    for wrong, words in (
        (in_place, "an argument is changed"),
        (lambda x, rng: x[:2], r"augment of <lambda> has shape \(2, 1\), needed is \(4, 1\)"),
        (lambda x, rng: None, "augment of <lambda> must be an array, got None: is there a return?"),
    ):
        with pytest.raises(WrongResult, match=words):
            fitted(wrong)
    for wrong, error, words in (
        (
            lambda x, rng: x * 1j,
            TypeError,
            "of <lambda> returns must hold real numbers, got .* complex128",
        ),
        (lambda x, rng: x * np.nan, ValueError, r"what augment of <lambda> returns must be finite"),
    ):
        with pytest.raises(error, match=words):
            fitted(wrong)
    with pytest.raises(TypeError, match="augment must be a function of the samples of a batch and"):
        fitted(lambda x: x)
    with pytest.raises(ValueError, match="LBFGS minimises one function: leave augment out"):
        fitted(batch_size=None, optimiser=dnn.LBFGS())
    assert fitted(lambda x, rng: x.astype(int), net=dnn.Affine(1, 1, rng=0, dtype="f4"))


def test_another_augmentation_is_another_run_and_an_older_file_is_one_without(tmp_path):
    path = tmp_path / "run.npz"
    fitted(None, epochs=1, checkpoint=path)
    with pytest.raises(ValueError, match="whose augment was None, and now it is"):
        fitted(checkpoint=path)
    with np.load(path) as archive:
        arrays = dict(archive)
    run = json.loads(arrays["run"].item())
    assert run.pop("augment") is None
    np.savez(path, **arrays | dict(run=json.dumps(run)))
    _, history = fitted(None, checkpoint=path)
    assert len(history.loss) == 3


def test_images_of_the_study_are_shifted_with_black_around_and_half_of_them_flipped(rng):
    """Each is one of the 2 · 3² images, made pixel by pixel; all are met, and the batch stays."""
    shape, x = (2, 3, 4), rng.uniform(0.1, 1, (600, 24))
    before, images = x.copy(), x.reshape(600, 2, 3, 4)
    y = study.moved(x, rng, shape, most=1).reshape(600, 2, 3, 4)
    np.testing.assert_array_equal(x, before)
    seen = np.zeros((3, 3, 2), int)
    for i, j, flip in np.ndindex(3, 3, 2):
        shifted = np.zeros_like(images)
        for h, w in np.ndindex(3, 4):
            if 0 <= h + i - 1 < 3 and 0 <= w + j - 1 < 4:
                shifted[:, :, h, w] = images[:, :, h + i - 1, w + j - 1]
        shifted = shifted[..., ::-1] if flip else shifted
        seen[i, j, flip] = (shifted == y).all(axis=(1, 2, 3)).sum()
    assert seen.sum() == 600 and seen.min() > 10 and 250 < seen[..., 1].sum() < 350


def test_folding_makes_channels_of_four_pixels_and_is_an_isometry(rng):
    fold, shape = study.folded((3, 4, 6))
    x = rng.normal(size=(5, 72))
    y, images = fold(x).reshape(5, *shape), x.reshape(5, 3, 4, 6)
    assert shape == (12, 2, 3)
    for i, j in np.ndindex(2, 2):
        np.testing.assert_array_equal(y[:, 2 * i + j :: 4], images[..., i::2, j::2])
    assert fold.singular_range() == (1.0, 1.0)
