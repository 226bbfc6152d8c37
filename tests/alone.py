"""A script in a process of its own that starts with what all scripts import: to import it takes longer than some of them."""

import gc
import multiprocessing
import os
import runpy
import subprocess
import sys
import traceback
import warnings

PRELOADED = ["matplotlib.pyplot", "scipy.integrate", "scipy.optimize", "scipy.stats", "dynsys_nn"]
#: a server that has imported it, and forks; where there is no fork, a fresh interpreter; in WebAssembly, nothing
FORKS = "forkserver" in multiprocessing.get_all_start_methods() and sys.platform != "emscripten"
PROCESSES = multiprocessing.get_context("forkserver" if FORKS else "spawn")
PROCESSES.set_forkserver_preload(PRELOADED) if FORKS else None


def collect_rarely():
    """What has been imported stays, and what trainings leave is mostly gone without a collector: a tenth of the time is its."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


def run_alone(path, cwd, timeout=300):
    """`python -W error path` in the folder cwd, with no window: the finished process."""
    streams = [str(cwd) + ending for ending in (".out", ".err")]
    process = PROCESSES.Process(target=as_main, args=(str(path), str(cwd), *streams))
    process.start()
    process.join(timeout)
    if process.is_alive():
        process.kill()
        raise subprocess.TimeoutExpired(path, timeout)
    written = []
    for stream in streams:
        with open(stream, encoding="utf-8") as file:
            written.append(file.read())
    return subprocess.CompletedProcess([path], process.exitcode, *written)


def as_main(path, cwd, out, err):
    """What the interpreter does with a script."""
    for number, stream in ((1, out), (2, err)):
        os.dup2(os.open(stream, os.O_CREAT | os.O_WRONLY), number)
    sys.stdout, sys.stderr = (open(n, "w", encoding="utf-8", closefd=False) for n in (1, 2))  # noqa: SIM115
    os.chdir(cwd)
    os.environ |= {"MPLBACKEND": "Agg", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    sys.argv = [path]
    collect_rarely()
    warnings.resetwarnings()
    warnings.simplefilter("error")
    try:
        runpy.run_path(path, run_name="__main__")
    except SystemExit:
        raise
    except BaseException:
        traceback.print_exc()
        sys.exit(1)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
