"""Requests to end: the program unwinds and cleans up, wherever they come."""

import signal
import subprocess
import sys
import time

import pytest

START = """
import gc, os, signal, sys, time
from ecjax.cli.signals import stopping_cleanly, uninterrupted

number = signal.Signals(int(sys.argv[1]))
"""
BODIES = {
    "in plain code": """
with stopping_cleanly():
    try:
        os.kill(os.getpid(), number)
        time.sleep(30)
    finally:
        print("cleaned up", flush=True)
""",
    # What a handler raises in a callback of the garbage collector, Python prints and drops; JAX has such a callback.
    "where Python drops it": """
gc.disable()


def called_back(phase, info):
    gc.callbacks.remove(called_back)
    os.kill(os.getpid(), number)
    time.sleep(0.01)

gc.callbacks.append(called_back)
with stopping_cleanly():
    try:
        gc.collect()
        time.sleep(30)
    finally:
        print("cleaned up", flush=True)
""",
    "twice": """
with stopping_cleanly():
    try:
        os.kill(os.getpid(), number)
        time.sleep(30)
    finally:
        os.kill(os.getpid(), number)
        time.sleep(0.2)
        print("cleaned up", flush=True)
""",
    "where it is held back": """
with stopping_cleanly():
    try:
        with uninterrupted():
            os.kill(os.getpid(), number)
            print("cleaned up", flush=True)
        time.sleep(30)
    finally:
        pass
""",
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("body", BODIES)
def test_a_request_to_end_cleans_up(body: str, number: int) -> None:
    begin = time.monotonic()
    command = [sys.executable, "-c", START + BODIES[body], str(int(number))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert time.monotonic() - begin < 25  # it did not sleep
    assert (done.returncode, done.stdout) == (128 + number, "cleaned up\n")
    assert done.stderr == ("ecjax: stopped\n" if number == signal.SIGINT else "")


def test_what_was_told_to_ignore_a_request_ignores_it() -> None:
    body = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with stopping_cleanly():
    os.kill(os.getpid(), signal.SIGHUP)
    time.sleep(0.1)
print("went on")
"""
    done = subprocess.run([sys.executable, "-c", START + body, "1"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "went on\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_half_written_file_goes_though_its_context_is_never_left(tmp_path, number: int) -> None:
    body = """
from ecjax import atomic

with stopping_cleanly():
    kept = atomic.replacing("file")
    kept.__enter__().write(b"a part")
    os.kill(os.getpid(), number)
    time.sleep(30)
"""
    done = subprocess.run([sys.executable, "-c", START + body, str(int(number))], cwd=tmp_path, check=False)
    assert done.returncode == 128 + number and list(tmp_path.iterdir()) == []
