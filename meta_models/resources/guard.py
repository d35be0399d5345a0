"""Peak memory of the process tree, sampled in the background, and a guard that stops a run before the kernel does."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

from meta_models.errors import ExitCode, MemoryBudgetError
from meta_models.resources.limits import GB
from meta_models.resources.usage import kill_children, tree_memory, tree_rss

logger = logging.getLogger(__name__)

#: Share of the budget at which the guard stops the run: the rest is room for what grows between two samples.
GUARD_SHARE = 0.95

#: The signal that carries the guard's stop to the main thread: a real-time signal that batch systems do not send.
GUARD_SIGNAL = signal.SIGRTMIN + 7

#: From this share of the budget on, samples are taken four times as often.
_NEAR_SHARE = 0.80

#: A sample is followed by a pause of at least so many times the CPU time it took; the second near the budget.
_COST_RATIO, _COST_RATIO_NEAR = 20, 4

#: Seconds after which the guard interrupts again, where the first interruption did not bring the tree below the line.
_REPEAT_SECONDS = 2.0

#: Seconds that the main thread has to take the interruption before the process ends itself; the second after it has
#: taken one, for then a native call that called back is on its way out.
_GRACE_SECONDS, _GRACE_SECONDS_UNWINDING = 0.5, 10.0

ADVICE = "Raise --max-memory-gb if the machine has more, or choose --strategy batch_ensemble or external_memory"


class PeakSampler:
    """Context manager that samples the memory of this process tree and, given a budget, keeps it.

    Resident set size is read at each tick. It bounds the proportional set size from above, so the costly reading (about
    10 ms per GB in small pages) is done only where it could raise the peak, and for at most a twentieth of a CPU.

    With a `budget`, when the tree passes 95 % of it, :class:`MemoryBudgetError` is raised in the main thread, wherever
    it is: in Python code or a blocking system call at once, in a native call when it comes back or calls back. Where a
    native call does not come back and the tree reaches the whole budget, the process writes the same message to stderr,
    kills its children and ends with exit code 71: the kernel would otherwise kill it without a word.

    Enter it inside the run folder's context, so that the folder is closed after the guard has been taken down.

    Parameters
    ----------
    budget : int, optional
        Bytes. Without it, or outside the main thread, the sampler only measures.
    period : float
        Seconds between ticks; a quarter of it from 80 % of the budget on.
    advice : str
        What the user should change; ends the error's message.
    on_hard_stop : callable, optional
        Called with the message before the process ends itself, in the sampling thread.

    Attributes
    ----------
    peak_bytes : int
        Most that the tree held at any sample.
    method : str
        How that was read; see :class:`TreeMemory`.

    Raises
    ------
    MemoryBudgetError
        On entering, where the tree is above the line already; later as said above.
    """

    def __init__(
        self,
        budget: int | None = None,
        *,
        period: float = 0.2,
        advice: str = ADVICE,
        on_hard_stop: Callable[[str], None] | None = None,
    ) -> None:
        self.budget, self.period, self.advice = budget, period, advice
        self.peak_bytes, self.method = 0, "pss"
        self._lap_bytes = 0
        self._on_hard_stop = on_hard_stop
        self._thread = threading.Thread(target=self._run, name="memory-sampler", daemon=True)
        self._stop = threading.Event()
        self._armed = False
        self._delivered = True
        self._grace = _GRACE_SECONDS
        self._interrupted_at = float("-inf")
        self._pss_not_before = float("-inf")
        self._previous: Any = None

    def __enter__(self) -> Self:
        self._measure()
        if self.budget is not None and self.peak_bytes >= GUARD_SHARE * self.budget:
            raise self.budget_error()
        if self.budget is not None:
            self._arm()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        armed, self._armed = self._armed, False
        try:
            self._stop.set()
            self._thread.join()
            self._measure()
        finally:
            if armed:
                signal.signal(GUARD_SIGNAL, self._previous)

    def lap(self) -> int:
        """Most bytes that the tree held at any sample since the last lap, or since the start; begins a new lap."""
        self._measure()
        held, self._lap_bytes = self._lap_bytes, 0
        return held

    def budget_error(self) -> MemoryBudgetError:
        """The error of a run that reached its budget."""
        return MemoryBudgetError(
            f"The run must stay within its memory budget of {(self.budget or 0) / GB:.2f} GB (10^9 bytes)",
            f"The process tree reached {self.peak_bytes / GB:.2f} GB; it is stopped at {GUARD_SHARE:.0%} of the budget",
            self.advice,
        )

    def _arm(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            logger.warning("The memory guard works in the main thread only; here memory is only measured")
            return
        self._previous = signal.signal(GUARD_SIGNAL, self._raise)
        self._armed = True

    def _raise(self, _signal: int, _frame: FrameType | None) -> None:
        self._delivered = True
        self._grace = _GRACE_SECONDS_UNWINDING
        if self._armed:
            raise self.budget_error()

    def _run(self) -> None:
        wait = self.period / 4
        while not self._stop.wait(wait):
            started = time.thread_time()
            held = self._tick()
            cost = time.thread_time() - started
            near = self.budget is not None and held >= _NEAR_SHARE * self.budget
            wait = max(self.period / 4, cost * _COST_RATIO_NEAR) if near else max(self.period, cost * _COST_RATIO)

    def _tick(self) -> int:
        """One sample; returns what the tree holds in bytes, or an upper bound of it."""
        held = tree_rss(os.getpid())
        line = GUARD_SHARE * self.budget if self._armed and self.budget is not None else float("inf")
        if held >= line or (held > self._lap_bytes and time.monotonic() >= self._pss_not_before):
            held = self._measure()
        if held >= line:
            self._guard(held)
        return held

    def _measure(self) -> int:
        started = time.thread_time()
        now = tree_memory()
        self._pss_not_before = time.monotonic() + (time.thread_time() - started) * _COST_RATIO
        self._lap_bytes = max(self._lap_bytes, now.bytes)
        if now.bytes > self.peak_bytes:
            self.peak_bytes, self.method = now.bytes, now.method
        return now.bytes

    def _guard(self, held: int) -> None:
        since = time.monotonic() - self._interrupted_at
        if not self._delivered and since >= self._grace and held >= (self.budget or 0):
            self._end_process()
        main = threading.main_thread().ident
        if self._delivered and since >= _REPEAT_SECONDS and main is not None:
            self._interrupted_at, self._delivered = time.monotonic(), False
            signal.pthread_kill(main, GUARD_SIGNAL)

    def _end_process(self) -> NoReturn:
        text = str(self.budget_error())
        os.write(2, f"error: {text}\n".encode(errors="backslashreplace"))
        try:
            kill_children()
            if self._on_hard_stop is not None:
                self._on_hard_stop(text)
        finally:
            os._exit(ExitCode.MEMORY)
