"""Interrupts of a real process."""

import json
import signal
import subprocess
import sys
import threading
import time

import pytest

from meta_models.run_folder import install_signal_handlers

CODE = """
import sys, time
from pathlib import Path
from meta_models.run_folder import RunFolder, install_signal_handlers
out, stubborn = Path(sys.argv[1]), sys.argv[2] == "stubborn"
with install_signal_handlers(), RunFolder.open(out) as folder:
    folder.write_text("done.txt", "kept")
    with folder.path_for("half.txt") as temporary:
        temporary.write_text("half")
        try: print("ready", flush=True); time.sleep(60)
        finally:
            if stubborn: print("cleaning", flush=True); time.sleep(60)
"""


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(mode):
        command = [sys.executable, "-c", CODE, str(tmp_path / "out"), mode]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
        assert started[0].stdout.readline() == "ready\n"
        return started[0]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("number", "codes"), [(signal.SIGTERM, {143}), (signal.SIGINT, {130, -signal.SIGINT})])
def test_first_signal_ends_in_order(tmp_path, start, number, codes):
    process = start("prompt")
    started = time.monotonic()
    process.send_signal(number)
    process.communicate(timeout=10)
    assert time.monotonic() - started < 2
    assert process.returncode in codes
    manifest = json.loads((tmp_path / "out" / "run_manifest.json").read_text())
    assert manifest["state"] == "interrupted"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["done.txt", "run_manifest.json"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_second_signal_ends_at_once(start, number, code):
    process = start("stubborn")
    process.send_signal(number)
    assert process.stdout.readline() == "cleaning\n"
    process.send_signal(number)
    process.communicate(timeout=5)
    assert process.returncode == code


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with install_signal_handlers():
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_outside_the_main_thread_nothing_is_installed():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work():
        with install_signal_handlers():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
