"""The start and the end of a command: its exit code, and one sentence if it fails.

Python exits with 1 after any uncaught error, but here 1 means a regression and nothing else. So what is imported above
`main` needs only the standard library. Anything else may be missing, broken or stopped by an environment variable;
`main` reports that like any other failure.
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
CALLBACKS = os.path.join("llvmlite", "binding", "executionengine.py")  # the file in which LLVM calls Python
MOMENT = 0.05  # seconds
PACKAGE = Path(__file__).parents[1]
ANEW = "reinstall gdbench and its dependencies in an environment of their own"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with a code of section `Exit codes` of the README."""
    with unfailing() as streams:
        try:
            signal.signal(signal.SIGTERM, _interrupt)
            if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not if a shell's `&` ignores SIGINT
                signal.signal(signal.SIGINT, _interrupt)
            with warnings.catch_warnings():
                # Numba only warns about a variable that it cannot read, with a traceback, and ignores it.
                warnings.filterwarnings("error", "Environment variable 'NUMBA_", RuntimeWarning)
                check_features(os.environ.get(FEATURES, ""))
                from gdbench.cli.app import command

                code = command(sys.argv[1:] if arguments is None else arguments)
        except BaseException as error:
            code = exit_code(error)
        code = ended(code, streams.lost())
    sys.exit(code)


def check_features(given: str) -> None:
    """Raise GdbenchError for a processor feature without a sign, at which LLVM would end the process."""
    if not re.fullmatch(r"[+-][^,+-][^,]*(,[+-][^,+-][^,]*)*|", given):
        raise GdbenchError(f"{FEATURES}={given} must be features such as +avx2,-avx512f; correct or unset it")


def exit_code(error: BaseException) -> int:
    """Print the error that ended a command, and return the exit code."""
    if os.environ.get(DEBUG, "0") not in ("", "0") and not isinstance(error, GdbenchError | KeyboardInterrupt):
        traceback.print_exception(error)
    tell(sentence(error))
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return error.exit_code if isinstance(error, GdbenchError) else FAILED


def sentence(error: BaseException) -> str:
    """What went wrong and what to do about it, in one sentence."""
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
    if any(Path(frame.filename).parts[-2:] == ("numba", "__init__.py") for frame in frames):  # while Numba was imported
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
    return f"this is a bug in gdbench ({type(error).__name__}: {reason[:300]}{place}); {DEBUG}=1 shows the traceback"


def tell(message: str) -> None:
    """Print an error on standard error if that is possible. A failure to print must not change the exit code."""
    try:
        from gdbench.cli.output import fail

        fail(message, FAILED)
    except Exception:  # the package that prints in colour is missing too
        sys.stderr.write(f"error: {visible(message)}\n")


def ended(code: int, lost: OSError | None) -> int:
    """The exit code after both outputs are flushed. lost: why standard output could not take everything."""
    if lost is None:
        return code
    if isinstance(lost, BrokenPipeError):  # the reader of our output has seen enough
        return code or BROKEN_PIPE
    tell(f"the output could not be written ({lost.strerror or lost})")
    return code or FAILED


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """Interrupt the command. Inside a callback of LLVM, try again a moment later: an exception there would be lost."""
    while frame is not None:
        if frame.f_code.co_filename.endswith(CALLBACKS):
            again = Timer(MOMENT, interrupt_main, (signum,))
            again.daemon = True
            again.start()
            return
        frame = frame.f_back
    raise KeyboardInterrupt
