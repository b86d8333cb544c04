"""The errors that a user may see. Each is one sentence and has an exit code."""

import difflib
import reprlib
from collections.abc import Iterable

SHOWN = 80  # characters of a value in a sentence
SENTENCE = 900  # characters of a sentence; enough for a path with several long names
LARGE = 256  # bits; the digits of a larger whole number are counted rather than shown


class GdbenchError(Exception):
    """A failure that is reported in one sentence, without a traceback. Exit code 3."""

    exit_code = 3

    def __init__(self, message: object = "") -> None:
        text = str(message)
        half = SENTENCE // 2  # keeps the place at the beginning and the remedy at the end
        super().__init__(text if len(text) <= SENTENCE else f"{text[:half]} ... {text[-half:]}")


class UsageError(GdbenchError, ValueError):
    """A mistake by the user: a wrong name, key or value. Exit code 2."""

    exit_code = 2


class StoreError(GdbenchError):
    """A database that cannot be used as it is. Exit code 2."""

    exit_code = 2


class DamagedError(StoreError):
    """The store does not hold what was written. Exit code 3."""

    exit_code = 3


class WritingError(StoreError):
    """A run's results can no longer be stored. Exit code 3; results stored before stay."""

    exit_code = 3


class InterruptedRunError(GdbenchError):
    """The user stopped a run; what finished is stored. Exit code 130."""

    exit_code = 130


class _Values(reprlib.Repr):
    """Writes only as much of a value as fits a sentence, however large or deep the value is."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 6, SHOWN, SHOWN
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxarray = 20

    def repr_int(self, x: int, level: int) -> str:
        """A whole number, or the count of its digits if they are too many for Python to write."""
        return repr(x) if x.bit_length() <= LARGE else f"a whole number of {x.bit_length() * 0.30103:.0f} digits"


def shown(value: object) -> str:
    """A value as a sentence quotes it: on one line, with at most 80 characters.

    >>> shown([0.1, 0.2])
    '[0.1, 0.2]'
    >>> shown(10**5000)
    'a whole number of 5000 digits'
    """
    text = " ".join(_Values().repr(value).split())
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def nearest(name: object, known: Iterable[str]) -> str:
    """`; did you mean 'adam'?` if a known name is close to `name`, otherwise the first 30 known names."""
    names = list(known)
    close = difflib.get_close_matches(str(name)[:SHOWN], names, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    more = ", ..." if len(names) > 30 else ""
    return f"; known: {', '.join(names[:30])}{more}" if names else ""
