"""Two thousand steps of the spherical pendulum, h = 0.05: what is left of the rod, and of the energy.

    python tests/benchmarks/spherical_pendulum.py

prints, for RATTLE and for RK4 as it is, projected one constraint after the other, and all at once, the largest
|½‖q‖² − ½| and |⟨q, p⟩| and the interval of H − H₀; then the order of RATTLE, and of Yoshida's composition of it.
"""

import numpy as np

import dynsys_nn as dnn

H, STEPS = 0.05, 2000


def orbit(method, X, x, h, n):
    """x₀, …, x_n."""
    states = [x]
    for _ in range(n):
        states.append(method.step(X, states[-1], h))
    return np.array(states)


def main():
    free, rod = dnn.systems.free_fall(), dnn.systems.spherical_pendulum()
    length, radial = rod.invariants["length"], rod.invariants["radial"]
    energy, rattle, rk4 = rod.invariants["energy"], dnn.Rattle(dnn.Sphere()), dnn.RK4()
    nested = dnn.Projected(dnn.Projected(rk4, length), radial)
    at_once = dnn.Projected(rk4, length, radial)
    print(f"{'h = 0.05, 2000 steps':22}{'|q·q − 1|/2':>12}{'|q·p|':>10}   H − H₀")
    for name, method, X in (
        ("RATTLE", rattle, free),
        ("RK4", rk4, rod),
        ("RK4, nested", nested, rod),
        ("RK4, both at once", at_once, rod),
    ):
        z = orbit(method, X, rod.x0, H, STEPS)
        gaps, drift = [np.abs(length(z) - 0.5).max(), np.abs(radial(z)).max()], energy(z)
        drift = drift - drift[0]
        print(f"{name:22}{gaps[0]:12.1e}{gaps[1]:10.1e}   [{drift.min():.2e}, {drift.max():.2e}]")
    end = dnn.exact_flow(rod, rod.x0, 2.0)
    for method, steps in ((rattle, (80, 160)), (dnn.Yoshida(rattle), (40, 80))):
        errors = [np.linalg.norm(orbit(method, free, rod.x0, 2 / n, n)[-1] - end) for n in steps]
        print(f"order of {method!r}: {np.log2(errors[0] / errors[1]):.3f}")


if __name__ == "__main__":
    main()
