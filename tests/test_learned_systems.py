"""What is learned reaches the accuracy that is promised, with the trainings of the figures. (The SIR flow: tutorial 8.)"""

import numpy as np

import dynsys_nn as dnn
from dynsys_nn import systems
from figures import mass_preservation, point_separation


def test_rings_are_separated_by_fifteen_lifted_layers():
    """≥ 99.5 % of 1000 test points."""
    net, x, y = point_separation.train()
    assert [type(F).__name__ for F in net.maps] == ["Lift", *["Flow"] * 15, "Affine"] and net.maps[0].dim_out == 3
    assert len(x) == 1000 and all(F.h == 1 / 15 for F in net.maps[1:-1])
    assert point_separation.accuracy(net, x, y) >= 0.995


def test_the_lectures_system_is_learned_to_1e_9_and_followed_to_time_2(rng):
    """Test MSE of the time-0.1 map ≤ 1e-9 on the box; from [0, 1]³ within 5e-3 of the truth up to T = 2; mass to rounding."""
    net, system = mass_preservation.train(mass_preservation.structured, 5000), systems.mass_example()
    y = rng.uniform(-0.6, 2, (4000, 3))
    assert dnn.MeanSquaredError()(net(y), dnn.exact_flow(system, y, 0.1)) <= 1e-9
    start = rng.uniform(0, 1, (500, 3))
    states = dnn.Rollout(net, 20)(start)
    assert np.linalg.norm(states - dnn.exact_flow(system, start, 0.1 * np.arange(1, 21)), axis=-1).max() <= 5e-3
    assert (
        np.abs(states.sum(axis=-1) - start.sum(axis=-1)[:, None]).max()
        <= 20 * 2.2e-16 * np.abs(states).sum(axis=-1).max()
    )
