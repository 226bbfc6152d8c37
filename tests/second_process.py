"""A second process for some of the tests: forked before the first test, its reports are read after the last.

A processor has two cores at least, and one process keeps one of them busy. Nothing else changes: where
nothing can be forked, and where few tests run, all run in one process.
"""

import contextlib
import faulthandler
import functools
import json
import os
import warnings

import pytest
from alone import FORKS

#: files whose tests run there: none of them waits for a script of conftest.py, or measures a time
FILES = {
    "test_answers_to_labs.py", "test_every_invariant.py", "test_orders.py",
    "test_figures_at_odd_options.py", "test_figures_of_attacks.py",
    "test_figures_of_certificates.py", "test_figures_of_denoisers.py",
    "test_figures_of_gradients_and_parts.py", "test_figures_of_layers.py",
    "test_figures_of_learned_potentials.py", "test_figures_of_lie_groups_and_constraints.py",
    "test_figures_of_methods.py", "test_figures_of_moons_by_depth.py",
    "test_figures_of_neural_ode.py", "test_figures_of_parareal.py",
    "test_figures_of_pixels.py", "test_figures_of_residuals.py",
    "test_figures_of_what_is_kept.py", "test_gradients_and_potentials_in_figures.py",
    "test_live.py", "test_pictures_of_figures.py", "test_pictures_of_labs.py",
    "test_plotting.py", "test_presnov.py", "test_study.py", "test_what_steps_allow.py",
}  # fmt: skip
#: so few tests are not worth a process
FEW = 200
#: after so many seconds a process says where it is: three times those of all tests, on a busy machine
HANGS = 900


@functools.cache
def stderr():
    """Asked for before a test runs, when nothing is captured."""
    return os.dup(2)


def watch():
    """A process that hangs says where: one watchdog, since to start one for each test takes longer than
    most tests."""
    faulthandler.dump_traceback_later(HANGS, file=stderr())


class Second:
    """The second process, as its parent sees it: `reports()` waits for it."""

    def __init__(self, session, items, path):
        self.session, self.expected, self.path = session, items, path
        faulthandler.cancel_dump_traceback_later()  # a thread: the child would wait for it for ever
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads: there are none yet
            self.child = os.fork()
        watch()
        if not self.child:
            with open(path, "w", encoding="utf-8") as file, contextlib.suppress(BaseException):
                run_there(session, items, file)
            os._exit(0)

    def reports(self):
        os.waitpid(self.child, 0)
        config = self.session.config
        for line in self.path.read_text("utf-8").splitlines():
            yield config.hook.pytest_report_from_serializable(config=config, data=json.loads(line))


def run_there(session, items, file):
    """Run the tests in the child: each report is a line of a file, and nothing is printed."""
    config = session.config
    capture = config.pluginmanager.getplugin("capturemanager")
    capture.stop_global_capturing()  # its files are the parent's
    capture.start_global_capturing()
    config.pluginmanager.unregister(name="terminalreporter")

    class Writes:
        def pytest_runtest_logreport(self, report):
            data = config.hook.pytest_report_to_serializable(config=config, report=report)
            print(json.dumps(data), file=file, flush=True)

    config.pluginmanager.register(Writes())
    session.items[:] = items
    for item, following in zip(items, [*items[1:], None], strict=True):
        config.hook.pytest_runtest_protocol(item=item, nextitem=following)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtestloop(session):
    option = session.config.option
    there = [item for item in session.items if item.path.name in FILES]
    here = [item for item in session.items if item.path.name not in FILES]
    alone = option.usepdb or option.maxfail or option.collectonly or not FORKS
    if alone or min(len(there), len(here)) < FEW:
        yield
        return
    factory = session.config._tmp_path_factory
    second = Second(session, there, factory.mktemp("second_process") / "reports")
    session.items[:] = here
    outcome = yield
    outcome.get_result()
    session.items[:] = here + there
    missing = {item.nodeid for item in there}
    for report in second.reports():
        if report.when == "setup":
            session.config.hook.pytest_runtest_logstart(
                nodeid=report.nodeid, location=report.location
            )
        session.config.hook.pytest_runtest_logreport(report=report)
        if report.when == "teardown":
            missing.discard(report.nodeid)
    if missing:
        raise session.Failed(f"the second process ended before {sorted(missing)[0]}")
