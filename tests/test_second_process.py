"""The second process ends, whatever its tests do."""

import faulthandler
import os
import time

import pytest
import second_process
from alone import FORKS


@pytest.mark.skipif(not FORKS, reason="there is no second process")
def test_where_a_test_fails_the_second_process_goes_on(tmp_path, monkeypatch):
    """pytest then ends the watch. It is a thread, of which a fork has the lock only: to wait for that took for ever."""
    monkeypatch.setattr(
        second_process, "run_there", lambda *_: faulthandler.cancel_dump_traceback_later()
    )
    child = second_process.Second(None, [], tmp_path / "reports").child
    until = time.monotonic() + 20
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < until:
        time.sleep(0.01)
    if ended == (0, 0):
        os.kill(child, 9)
    assert ended == (child, 0)
