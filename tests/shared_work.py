"""What other processes do in test_processes.py; they import this alone."""

import os
import signal

from gdbench.errors import UsageError


def doubled(number):
    return 2 * number, os.getpid()


def refused(number):
    if number == 1:
        raise UsageError("number 1 is refused")
    return number


def killed_elsewhere(here, number):
    if os.getpid() != here:
        os.kill(os.getpid(), signal.SIGKILL)
    return number
