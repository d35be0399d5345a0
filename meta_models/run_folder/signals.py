"""Interrupts that let a run end in order: 143 for SIGTERM, 130 for SIGINT; a second one ends it at once."""

from __future__ import annotations

import gc
import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from meta_models.console import interrupted
from meta_models.errors import ExitCode
from meta_models.resources import kill_children

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Seconds that a process has to end in order; a command is gone two seconds after the signal.
GRACE_SECONDS = 1.0
_ENOUGH = b"\0"
_cleaners: list[Callable[[], object]] = []


class Interrupt(KeyboardInterrupt):
    """What SIGINT raises within the block.

    The interpreter remembers that a plain one left code that was compiled from text, as many libraries do while they
    are imported, and then ends ``python -m`` by a signal, whoever caught it. It leaves the block as a plain one.
    """


@contextmanager
def at_hard_stop(clean: Callable[[], object]) -> Iterator[None]:
    """Within the block, `clean` is called before a process ends that could not end in order.

    It is called in another thread, while the main thread is in a native call that does not come back.
    """
    _cleaners.append(clean)
    try:
        yield
    finally:
        _cleaners.remove(clean)


@contextmanager
def install_signal_handlers() -> Iterator[None]:
    """Within the block the first SIGTERM raises ``SystemExit(143)`` and the first SIGINT ``KeyboardInterrupt``.

    Python raises them between two of its own instructions: where a native call takes longer than `GRACE_SECONDS`, or
    the exception is lost in a destructor, a thread calls what `at_hard_stop` was given, kills the children of this
    process and ends it with the line that the command would have ended with. A second signal ends the process at once,
    without cleaning up: 143 or 130. Earlier handlers are put back at the end. Outside the main thread, where Python
    allows no handlers, nothing is installed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            os._exit(_code(number))
        gc.freeze()  # the interpreter's end then looks for no cycles, which takes it about a second
        raise SystemExit(_code(number)) if number == signal.SIGTERM else Interrupt

    previous = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        with _watched(interrupted()):
            yield
    except Interrupt:
        raise KeyboardInterrupt from None
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _watched(line: str) -> Iterator[None]:
    """A thread that hears of signals at once: the interpreter writes their numbers into a pipe as they arrive."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    thread = threading.Thread(target=_watch, args=(reader, line), name="interrupts", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous)
        os.write(writer, _ENOUGH)
        thread.join()
        os.close(reader)
        os.close(writer)


def _watch(reader: int, line: str) -> None:
    """End the process `GRACE_SECONDS` after the first signal, and at the second, unless the block ends before.

    The main thread's handler may come too late for either: it is not called within a native call, which may begin
    between the signal's arrival and the interpreter's next look at it.
    """
    heard: list[int] = []
    pipe = select.poll()
    pipe.register(reader, select.POLLIN)
    while True:
        if not pipe.poll(1000 * GRACE_SECONDS if heard else None):
            _end_process(heard[0], line)
        written = os.read(reader, 64)
        heard += [byte for byte in written if byte in _SIGNALS]
        if len(heard) > 1:
            os._exit(_code(heard[1]))
        if _ENOUGH in written:
            return


def _end_process(number: int, line: str) -> NoReturn:
    """Clean up and end; after `GRACE_SECONDS` also where a cleaner waits, say for a lock that the main thread holds."""
    late = threading.Timer(GRACE_SECONDS, os._exit, [_code(number)])
    late.daemon = True
    try:
        late.start()
        kill_children()
        for clean in reversed(_cleaners):
            clean()
        os.write(2, line.encode())  # the main thread may hold the stream's lock
    finally:
        os._exit(_code(number))


def _code(number: int) -> int:
    return int(ExitCode.SIGTERM if number == signal.SIGTERM else ExitCode.SIGINT)
