"""The errors a user may see, each one sentence and each with its exit code."""

import difflib
import reprlib
from collections.abc import Iterable

SHOWN = 80  # characters of a value in a sentence
SENTENCE = 900  # characters of a sentence; a path of several long names must find room
LARGE = 256  # bits of a whole number from which on its digits are counted rather than shown


class GdbenchError(Exception):
    """A failure that is told in one sentence, without a traceback."""

    exit_code = 3

    def __init__(self, message: object = "") -> None:
        text = str(message)
        half = SENTENCE // 2  # both the place at the beginning and the remedy at the end are wanted
        super().__init__(text if len(text) <= SENTENCE else f"{text[:half]} ... {text[-half:]}")


class UsageError(GdbenchError, ValueError):
    """A mistake of the user's: a wrong name, key or value. Exit code 2."""

    exit_code = 2


class StoreError(GdbenchError):
    """A database that cannot be used as it is. Exit code 2."""

    exit_code = 2


class DamagedError(StoreError):
    """What is stored is not as it was written. Exit code 3."""

    exit_code = 3


class WritingError(StoreError):
    """A run's results cannot be stored any more. Exit code 3: what was stored before is."""

    exit_code = 3


class InterruptedRunError(GdbenchError):
    """The user stopped a run; what finished is stored. Exit code 130."""

    exit_code = 130


class _Values(reprlib.Repr):
    """Writes no more of a value than can be read in a sentence, however large or deep it is."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 6, SHOWN, SHOWN
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxarray = 20

    def repr_int(self, x: int, level: int) -> str:
        """Python refuses to write whole numbers of many digits."""
        return repr(x) if x.bit_length() <= LARGE else f"a whole number of {x.bit_length() * 0.30103:.0f} digits"


def shown(value: object) -> str:
    """A value as a sentence quotes it: in one line, at most 80 characters.

    >>> shown([0.1, 0.2])
    '[0.1, 0.2]'
    >>> shown(10**5000)
    'a whole number of 5000 digits'
    """
    text = " ".join(_Values().repr(value).split())
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def nearest(name: object, known: Iterable[str]) -> str:
    """`; did you mean 'adam'?` when a known name is close to `name`, else the first 30 known names."""
    names = list(known)
    close = difflib.get_close_matches(str(name)[:SHOWN], names, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    more = ", ..." if len(names) > 30 else ""
    return f"; known: {', '.join(names[:30])}{more}" if names else ""
