"""Turn Numba's errors into one sentence with the line of the user's file."""

import itertools
from collections.abc import Callable
from typing import Any

from numba.core.errors import NumbaError

from gdbench.errors import UsageError


def explained(what: str, function: Callable[..., Any], error: NumbaError, *ours: str) -> UsageError:
    """An error that says that `what` cannot be compiled, where and why.

    function: the user's. error: Numba's. ours: names of gdbench's files, whose lines are not the user's.
    """
    # Numba nests its messages: the innermost failure, the last in the text, is about the user's own line.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    inner = max((i for i, line in enumerate(lines) if "Failed in nopython mode" in line), default=-1) + 1
    reason = " ".join(
        itertools.takewhile(lambda line: not line.startswith(("There ", "File ", "During")), lines[inner:])
    )
    places = [line for line in lines if line.startswith('File "') and not any(name in line for name in ours)]
    code = getattr(function, "py_func", function).__code__
    place = (
        places[0].removeprefix("File ").rstrip(":") if places else f'"{code.co_filename}", line {code.co_firstlineno}'
    )
    return UsageError(f"{what} cannot be compiled by Numba, at {place}: {reason}")
