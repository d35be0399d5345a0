"""Interrupts that let a run end in order: 143 for SIGTERM, 130 for SIGINT; a second one ends it at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from meta_models.errors import ExitCode

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def install_signal_handlers() -> Iterator[None]:
    """Within the block the first SIGTERM raises ``SystemExit(143)`` and the first SIGINT ``KeyboardInterrupt``.

    A second signal ends the process at once, without cleaning up: 143 or 130. Earlier handlers are put back at the end.
    Outside the main thread, where Python allows no handlers, nothing is installed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        code = ExitCode.SIGTERM if number == signal.SIGTERM else ExitCode.SIGINT
        if len(received) > 1:
            os._exit(code)
        raise SystemExit(int(code)) if number == signal.SIGTERM else KeyboardInterrupt

    previous = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
