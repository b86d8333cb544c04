"""Who writes a run, and whether that process lives.

A process is known by the boot of its machine, its namespace of process ids, its id there and its start in ticks of that
boot's clock, none of which moves when somebody sets the clock. Where the process table says nothing of it (another
machine, another container), the heartbeat decides: by the clock that nobody sets where the boot is the same, else by
the time of day, as well as two machines agree about it.
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
ALIVE_SECONDS = 60.0  # what sees no process takes one without a heartbeat for so long as ended
AHEAD_SECONDS = 86400.0  # by so much another machine's clock may be ahead: time zones taken for each other, and more
COLUMNS = ("heartbeat", "uptime", "host", "boot", "namespace", "process", "process_started")


def heartbeat() -> dict[str, float]:
    """The columns that say when a process was last heard of."""
    return {"heartbeat": time.time(), "uptime": time.monotonic()}


def this_process() -> dict[str, Any]:
    """The columns of `runs` that say who writes a run."""
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
    """Whether the process lives that a row of `runs` names; a row whose cells name none, being damaged, has none."""
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
    """The boot of this machine and the namespace of process ids here. Elsewhere than on Linux, the host's name."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return boot, os.readlink("/proc/self/ns/pid")
    except OSError:
        return socket.gethostname()[:64], sys.platform


def _exists(process: int) -> bool:
    """Whether there is a process of that id, also one that /proc hides from this user."""
    if os.name == "nt":
        return psutil.pid_exists(process)
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # another user's
        return True
    return True


def _started(process: int) -> float | None:
    """When a process started, in a unit that depends on the system; -1 for one that has ended and waits to be reaped.

    None where the process table does not tell.
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
