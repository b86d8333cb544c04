"""The errors a user may see, each one sentence and each with its exit code."""

import difflib
from collections.abc import Iterable


class GdbenchError(Exception):
    """A failure that is told in one sentence, without a traceback."""

    exit_code = 3


class UsageError(GdbenchError, ValueError):
    """A mistake of the user's: a wrong name, key or value. Exit code 2."""

    exit_code = 2


class StoreError(GdbenchError):
    """A database that cannot be used as it is. Exit code 2."""

    exit_code = 2


class InterruptedRunError(GdbenchError):
    """The user stopped a run; what finished is stored. Exit code 130."""

    exit_code = 130


def nearest(name: object, known: Iterable[str]) -> str:
    """`; did you mean 'adam'?` when a known name is close to `name`, else the first 30 known names."""
    names = list(known)
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    more = ", ..." if len(names) > 30 else ""
    return f"; known: {', '.join(names[:30])}{more}" if names else ""
