"""Which process writes a run, and whether it is alive.

A process is identified by the boot of its machine, its namespace of process ids, its id there, and its start in ticks
of the boot's clock. Setting the clock changes none of these. If the process table says nothing about it (another
machine, another container), the heartbeat decides. On the same boot it is compared by the clock that nobody can set,
otherwise by the time of day, as far as two machines agree on that.
"""

import os
import socket
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import psutil

HEARTBEAT_SECONDS = 10.0
ALIVE_SECONDS = 60.0  # a process that cannot be seen counts as ended after so long without a heartbeat
AHEAD_SECONDS = 86400.0  # how far another machine's clock may be ahead; covers confused time zones
COLUMNS = ("heartbeat", "uptime", "host", "boot", "namespace", "process", "process_started")


def heartbeat() -> dict[str, float]:
    """The columns that say when a process was last alive."""
    return {"heartbeat": time.time(), "uptime": time.monotonic()}


def this_process() -> dict[str, Any]:
    """The columns of `runs` that say which process writes a run."""
    pid = os.getpid()
    boot, namespace = _machine()
    started = _started(pid)
    return {
        **heartbeat(),
        "host": socket.gethostname(),
        "boot": boot,
        "namespace": namespace,
        "process": pid,
        "process_started": 0.0 if started is None else started,
    }


def is_alive(row: Mapping[str, Any]) -> bool:
    """Whether the process in a row of `runs` is alive; False if the row is damaged and its cells name no process."""
    try:
        process, start, beat = int(row["process"]), float(row["process_started"]), float(row["heartbeat"])
        uptime = None if row["uptime"] is None else float(row["uptime"])
    except (TypeError, ValueError, OverflowError):
        return False
    boot, namespace = _machine()
    if row["boot"] == boot and row["namespace"] == namespace:
        if not _exists(process):
            return False
        started = _started(process)
        if started is not None:
            return started == start
    if row["boot"] == boot and uptime is not None:
        return abs(time.monotonic() - uptime) < ALIVE_SECONDS
    return -AHEAD_SECONDS < time.time() - beat < ALIVE_SECONDS


@cache
def _machine() -> tuple[str, str]:
    """The boot of this machine and its namespace of process ids; on other systems than Linux, the host's name."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return boot, os.readlink("/proc/self/ns/pid")
    except OSError:
        return socket.gethostname()[:64], sys.platform


def _exists(process: int) -> bool:
    """Whether a process of that id exists, even if /proc hides it from this user."""
    if os.name == "nt":
        return psutil.pid_exists(process)
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is another user's process
        return True
    return True


def _started(process: int) -> float | None:
    """When a process started, in a unit that depends on the system; -1 if it has ended and waits to be reaped.

    None if the process table does not say.
    """
    try:
        # The name may hold anything, parentheses too: what follows the last one is state, parent and so on.
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return -1.0 if fields[0] in "ZX" else float(fields[19])
    except (OSError, LookupError, ValueError):
        if sys.platform == "linux":
            return None
    try:
        found = psutil.Process(process)
        return -1.0 if found.status() == psutil.STATUS_ZOMBIE else found.create_time()
    except psutil.Error:
        return None
