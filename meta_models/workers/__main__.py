"""What a process that was started anew does; see `fresh`."""

from __future__ import annotations

import sys
from multiprocessing.connection import Connection

from meta_models.resources.blas import one_blas_thread
from meta_models.workers.child import answer, die_with


def main() -> None:
    """Do the work that comes through the connection named on the command line."""
    die_with(int(sys.argv[3]))
    connection = Connection(int(sys.argv[2]))
    work, argument = connection.recv()
    with one_blas_thread():
        answer(connection, sys.argv[1], work, argument)


if __name__ == "__main__":
    main()
