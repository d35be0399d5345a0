"""Interrupts of a real process."""

import json
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from meta_models.run_folder import install_signal_handlers

CODE = """
import sys, time
from pathlib import Path
from meta_models.run_folder import RunFolder, install_signal_handlers, signals
out, stubborn = Path(sys.argv[1]), sys.argv[2] == "stubborn"
if stubborn: signals.GRACE_SECONDS = 60
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


NATIVE = """
import ctypes, signal, subprocess, sys, threading, time
from pathlib import Path
from meta_models import console
from meta_models.run_folder import RunFolder, install_signal_handlers
console.GOES_ON.set(console.RESUME)
with install_signal_handlers(), RunFolder.open(Path(sys.argv[1])) as folder:
    folder.write_text("done.txt", "kept")
    with folder.path_for("half.txt") as temporary, folder.scratch("cache") as cache:
        temporary.write_text("half"); (cache / "page").write_text("x")
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], stdout=subprocess.DEVNULL)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])  # as a call that never looks at them
        threading.Timer(0.3, lambda: print(child.pid, flush=True)).start()  # once the call is under way
        ctypes.CDLL(None).sleep(60)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_native_call_that_does_not_come_back_is_ended_in_order_all_the_same(tmp_path, number, code):
    command = [sys.executable, "-c", NATIVE, str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        child = int(process.stdout.readline())
        started = time.monotonic()
        process.send_signal(number)
        assert process.communicate(timeout=20)[1] == "interrupted (goes on from here with --resume)\n"
    assert time.monotonic() - started < 2
    assert process.returncode == code
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    assert json.loads((tmp_path / "out" / "run_manifest.json").read_text())["state"] == "interrupted"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["done.txt", "run_manifest.json"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_second_signal_ends_a_native_call_at_once(tmp_path, number, code):
    patient = NATIVE.replace(
        "from meta_models import", "from meta_models.run_folder import signals\nfrom meta_models import"
    )
    command = [sys.executable, "-c", patient.replace("with install", "signals.GRACE_SECONDS = 60\nwith install")]
    with subprocess.Popen([*command, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True) as process:
        child = int(process.stdout.readline())
        process.send_signal(number)
        time.sleep(0.2)  # two that wait to be delivered are one
        assert process.poll() is None
        process.send_signal(number)
        assert process.wait(10) == code
    psutil.Process(child).kill()


def test_interrupt_that_is_lost_in_a_destructor_still_ends_the_process(tmp_path):
    code = """
import os, signal, time
from meta_models.run_folder import install_signal_handlers
class Loses:
    def __del__(self): os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.01)
with install_signal_handlers():
    Loses()
    time.sleep(60)
"""
    assert (
        subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL, timeout=30, check=False).returncode
        == 143
    )


def test_cleaner_that_waits_for_ever_does_not_keep_the_process():
    code = """
import ctypes, signal, threading
from meta_models.run_folder import install_signal_handlers
from meta_models.run_folder.signals import at_hard_stop
with install_signal_handlers(), at_hard_stop(threading.Event().wait):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # as a call that never looks at it
    print("ready", flush=True)
    ctypes.CDLL(None).sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143


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


def test_an_interrupt_of_code_from_text_ends_a_module_with_its_own_code(tmp_path):
    (tmp_path / "interrupted_module.py").write_text(
        "import os, signal, sys, time\n"
        "from meta_models.run_folder import install_signal_handlers\n"
        "try:\n"
        "    with install_signal_handlers():\n"
        "        exec('os.kill(os.getpid(), signal.SIGINT); time.sleep(60)')\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(130)\n"
    )
    found = subprocess.run([sys.executable, "-m", "interrupted_module"], cwd=tmp_path, check=False)
    assert found.returncode == 130
