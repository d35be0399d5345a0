"""What a command says on its two streams, to terminals, files, and readers that go away (``| head``)."""

from __future__ import annotations

import io
import logging
import os
import sys
from contextvars import ContextVar
from typing import IO, TextIO

from meta_models.errors import WriteError

#: What the command that runs goes on with once it was interrupted: `RESUME`, `AGAIN`, or nothing; None where it says
#: nothing at all, for the command that started it does.
GOES_ON: ContextVar[str | None] = ContextVar("GOES_ON", default="")
RESUME, AGAIN = "--resume", "the same command"


def interrupted() -> str:
    """The line that a command ends with which was interrupted."""
    how = GOES_ON.get()
    return "" if how is None else f"interrupted{f' (goes on from here with {how})' if how else ''}\n"


def prepare_streams() -> None:
    """Have file names that are no text shown as escapes, where they would be an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Write `text` to standard output; a reader that has gone is no error.

    Raises
    ------
    WriteError
        If it cannot be written for another reason.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.write(text)
            sys.stdout.flush()
    except BrokenPipeError:
        _hang_up(sys.stdout)
    except OSError as error:
        _hang_up(sys.stdout)
        raise WriteError("Standard output must be writable", f"Found: {error.strerror}") from error


def complain(text: str) -> None:
    """Write `text` to standard error, if anybody reads it."""
    try:
        if sys.stderr is not None:
            sys.stderr.write(text)
            sys.stderr.flush()
    except OSError:
        _hang_up(sys.stderr)


def finish() -> None:
    """Bring out what is held back, while there is somebody to handle a reader that has gone."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            _hang_up(stream)


class LogHandler(logging.StreamHandler[TextIO]):
    """Writes to a stream for as long as it can be written to; the work goes on without it.

    Parameters
    ----------
    stream : text file, or None
        None where the process was started without it.
    """

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream)
        if stream is None:
            self.setStream(open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - for the life of the process

    def handleError(self, record: logging.LogRecord) -> None:
        """Stop writing to a stream that cannot be written to; say so once, unless its reader has gone."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        _hang_up(self.stream)
        if not isinstance(error, BrokenPipeError) and self.stream is not sys.stderr:
            complain(f"The log cannot be written ({error.strerror}); the work goes on without it\n")


def _hang_up(stream: IO[str]) -> None:
    """Let the descriptor of `stream` lead nowhere: what is still to be written to it is lost, without an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    except (OSError, ValueError):
        logging.getLogger(__name__).debug("%r has no descriptor", stream)
    finally:
        os.close(nowhere)
