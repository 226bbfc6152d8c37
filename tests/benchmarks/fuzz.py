"""10 000 random calls of everything public: `python tests/benchmarks/fuzz.py [--calls n] [--seed s] [--only k …]`.

A table of outcomes by kind of call, and each violation with its number and a line that makes the call again. The exit code
is the number of violations, at most 1.
"""

import argparse
import collections
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]

import fuzz  # noqa: E402


def limit_memory(gigabytes=4):
    """What asks for more fails, where the system can say so."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (gigabytes << 30, gigabytes << 30))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, nargs="*")
    options = parser.parse_args()
    limit_memory()
    start, table, violations = time.perf_counter(), collections.defaultdict(collections.Counter), []
    for k in range(options.calls) if options.only is None else options.only:
        call = fuzz.call(k, options.seed)
        outcome, error = fuzz.judge(call)
        kind = "violation" if isinstance(outcome, fuzz.Violation) else outcome
        table[call.family][kind] += 1
        if kind == "violation":
            violations.append((k, call, outcome, error))
    kinds = sorted(
        {kind for row in table.values() for kind in row},
        key=lambda kind: (kind == "violation", kind),
    )
    table["all"] = sum(table.values(), collections.Counter())
    print(f"{'':18}" + "".join(f"{kind:>20}" for kind in kinds))
    for family, row in table.items():
        print(f"{family:18}" + "".join(f"{row[kind]:>20}" for kind in kinds))
    print(
        f"{table['all'].total()} calls in {time.perf_counter() - start:.0f} s, {len(violations)} violations"
    )
    for k, call, outcome, error in violations:
        print(
            f"\ncall {k}, seed {options.seed}: {outcome}\n    {call}\n    {type(error).__name__ if error else ''} {error or ''}"
        )
        print(f"    python tests/benchmarks/fuzz.py --seed {options.seed} --only {k}")
    return int(bool(violations))


if __name__ == "__main__":
    sys.exit(main())
