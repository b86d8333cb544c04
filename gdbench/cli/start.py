"""What a command begins with and ends with: its exit code, and one sentence where it fails.

Python's own exit code for whatever it cannot go on with is 1, which here means a regression and nothing else. So only
the standard library is imported above `main`: anything else may be missing, broken or stopped by an environment
variable, and is then told like any other failure.
"""

import os
import re
import signal
import sys
import traceback
import warnings
from _thread import interrupt_main
from collections.abc import Sequence
from pathlib import Path
from threading import Timer
from types import FrameType
from typing import NoReturn

from gdbench.cli.streams import unfailing
from gdbench.errors import GdbenchError
from gdbench.inputs.visible import visible

FAILED, INTERRUPTED, BROKEN_PIPE = GdbenchError.exit_code, 130, 141  # the last two as shells have them
DEBUG = "GDBENCH_DEBUG"
FEATURES = "NUMBA_CPU_FEATURES"
CALLBACKS = os.path.join("llvmlite", "binding", "executionengine.py")  # the file where LLVM calls Python
MOMENT = 0.05  # seconds
PACKAGE = Path(__file__).parents[1]
ANEW = "install gdbench anew in an environment of its own, with what it depends on"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code that section `Exit codes` of the README promises."""
    with unfailing() as streams:
        try:
            signal.signal(signal.SIGTERM, _interrupt)
            if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not what a shell's `&` ignores
                signal.signal(signal.SIGINT, _interrupt)
            with warnings.catch_warnings():
                # Numba warns of a variable that it cannot read, with a traceback, and goes on without it.
                warnings.filterwarnings("error", "Environment variable 'NUMBA_", RuntimeWarning)
                check_features(os.environ.get(FEATURES, ""))
                from gdbench.cli.app import command

                code = command(sys.argv[1:] if arguments is None else arguments)
        except BaseException as error:
            code = exit_code(error)
        code = ended(code, streams.lost())
    sys.exit(code)


def check_features(given: str) -> None:
    """Raise GdbenchError where LLVM would end the process: at a processor's feature without a sign."""
    if not re.fullmatch(r"[+-][^,+-][^,]*(,[+-][^,+-][^,]*)*|", given):
        raise GdbenchError(f"{FEATURES}={given} must be features such as +avx2,-avx512f; correct or unset it")


def exit_code(error: BaseException) -> int:
    """The exit code of a command that ended in `error`, once it is told."""
    if os.environ.get(DEBUG, "0") not in ("", "0") and not isinstance(error, GdbenchError | KeyboardInterrupt):
        traceback.print_exception(error)
    tell(sentence(error))
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return error.exit_code if isinstance(error, GdbenchError) else FAILED


def sentence(error: BaseException) -> str:
    """What went wrong and what to do about it."""
    if isinstance(error, GdbenchError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    reason = " ".join(str(error).partition("\nThe parse failed")[0].split()) or type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, ImportError):
        return f"a package cannot be imported ({reason}); {ANEW}"
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({reason}); take fewer jobs, a smaller batch or a smaller problem"
    if any(Path(frame.filename).parts[-2:] == ("numba", "__init__.py") for frame in frames):  # while it was imported
        given = ", ".join(f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("NUMBA_"))
        where = f"{given} in the environment" if given else ".numba_config.yaml in this folder"
        return f"Numba refuses its settings ({reason}); correct or remove {where}"
    if isinstance(error, SystemExit):
        return f"code that gdbench ran ended Python with exit code {error.code}; remove exit() from the plug-in"
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(PACKAGE)] or frames
    place = f", {Path(ours[-1].filename).name} line {ours[-1].lineno}" if ours else ""
    if isinstance(error, OSError) and error.strerror:
        name = f": {error.filename}" if error.filename is not None else ""
        return f"the system refused what gdbench asked for ({error.strerror}{name}{place})"
    return f"this is a fault of gdbench ({type(error).__name__}: {reason[:300]}{place}); {DEBUG}=1 shows the traceback"


def tell(message: str) -> None:
    """Print an error on standard error, if it can be printed at all: it must not change the exit code."""
    try:
        from gdbench.cli.output import fail

        fail(message, FAILED)
    except Exception:  # what prints in colour is missing too
        sys.stderr.write(f"error: {visible(message)}\n")


def ended(code: int, lost: OSError | None) -> int:
    """The exit code once both outputs are written out. lost: why standard output could not take all of it."""
    if lost is None:
        return code
    if isinstance(lost, BrokenPipeError):  # who reads our output has seen enough
        return code or BROKEN_PIPE
    tell(f"the output could not be written ({lost.strerror or lost})")
    return code or FAILED


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """Interrupt the command, a moment later where LLVM is at work: what its callbacks raise is printed and lost."""
    while frame is not None:
        if frame.f_code.co_filename.endswith(CALLBACKS):
            again = Timer(MOMENT, interrupt_main, (signum,))
            again.daemon = True
            again.start()
            return
        frame = frame.f_back
    raise KeyboardInterrupt
