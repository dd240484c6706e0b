import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from fed.runtime import warden

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone has subreapers")

# A daemon: a session of its own, its parent gone, deaf to SIGTERM.
DAEMON = """
import os, signal, sys, time
ready, write_end = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print(os.getpid(), flush=True)
        os.write(write_end, b"1")
        time.sleep(60)
    os._exit(0)
os.wait()
os.read(ready, 1)
{then}
"""
COMMAND = """
import sys, time
from fed.runtime.superlink import ProcessGroup
with ProcessGroup() as group:
    child = group.start([sys.executable, "-S", "-c", sys.argv[1]], stdout=-1)
    print(child.stdout.readline(), end="", flush=True)
    time.sleep(60)
"""


def gone(pid, patience=5.0):
    until = time.monotonic() + patience
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def start(script, **options):
    words = [sys.executable, "-S", warden.__file__, sys.executable, "-S", "-c", script]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)


@pytest.mark.parametrize(("then", "code"), [("sys.exit(7)", 7), ("os.kill(os.getpid(), 9)", 137), ("", 0)])
def test_the_exit_code_is_the_commands_and_daemons_end_with_it(then, code):
    with start(DAEMON.format(then=then)) as process:
        daemon = int(process.stdout.readline())
        assert process.wait(timeout=20) == code
    assert gone(daemon)


def test_all_ends_with_the_pipe():
    with start(DAEMON.format(then="time.sleep(60)")) as process:
        daemon = int(process.stdout.readline())
        pids = warden.descendants(process.pid)
        assert daemon in pids
        process.stdin.close()
        assert process.wait(timeout=20) != 0
    assert all(map(gone, [daemon, *pids]))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_all_ends_with_a_command_that_is_killed(number):
    around = {**os.environ, "PYTHONPATH": str(Path(warden.__file__).parents[2])}
    words = [sys.executable, "-c", COMMAND, DAEMON.format(then="time.sleep(60)")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=around) as process:
        daemon = int(process.stdout.readline())
        pids = warden.descendants(process.pid)
        assert daemon in pids
        process.send_signal(number)
        process.wait()
    assert all(map(gone, pids))


def test_a_warden_that_is_killed_takes_its_command_along():
    with start("import time; print('up', flush=True); time.sleep(60)") as process:
        process.stdout.readline()
        (child,) = warden.descendants(process.pid)
        process.kill()
    assert gone(child)
