"""Standard output and error that cannot fail: minutes of work must not be lost because a result cannot be printed.

    with unfailing() as streams:
        ...
    streams.lost()    # why something could not be written, or None

A character that the encoding lacks is spelled out. After an error (a full disk, a closed pipe) nothing more is written.
"""

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Characters of our own messages, for encodings that lack them (cp1252 has no infinity sign, ASCII none of these).
IN_WORDS = {
    "∞": "inf",
    "×": "x",
    "µ": "u",
    "–": "-",
    "—": "-",
    "…": "...",
    "’": "'",
    "‘": "'",
    "“": '"',
    "”": '"',
    "█": "#",
    "é": "e",
    "→": "->",
    "≥": ">=",
    "≤": "<=",
}
HANDLER = "gdbench-words"


def _in_words(error: UnicodeError) -> tuple[str, int]:
    """An error handler for `codecs.register_error`: words for the characters we use, Python's escape for the rest."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(
        IN_WORDS.get(each) or each.encode("ascii", "backslashreplace").decode() for each in lacking
    ), error.end


codecs.register_error(HANDLER, _in_words)


def encodable(text: str, encoding: str | None) -> str:
    """The text as it comes out in that encoding, so that tables know the width of their cells."""
    try:
        return text.encode(encoding or "utf-8", HANDLER).decode(encoding or "utf-8")
    except (LookupError, UnicodeError):  # an encoding that Python does not know, or one that has no ASCII
        return text


class Stream:
    """A text stream around another one, or around none. It keeps the first error and drops all that follows."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        self.error: OSError | None = None
        self._usual = getattr(stream, "errors", None)
        self._handle(HANDLER)

    def restore(self) -> None:
        """Give the stream back its own way to handle characters that it cannot encode."""
        self._handle(self._usual)

    def _handle(self, errors: str | None) -> None:
        if hasattr(self._stream, "reconfigure") and not self._stream.closed:
            self._stream.reconfigure(errors=errors)

    def write(self, text: str) -> int:
        """Write, or after an error pretend to."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush, or after an error pretend to."""
        self._try(lambda: self._stream.flush())

    def _try(self, act: Any) -> None:
        if self.error is not None:
            return
        try:
            act()
        except OSError as error:
            self.error = error
            self._discard()
        except ValueError:  # the stream is closed
            self.error = OSError("it is closed")

    def _discard(self) -> None:
        """Redirect the stream to the null device, so that Python's own flush at exit does not fail again."""
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
        except (OSError, ValueError, AttributeError):
            pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Streams:
    """Standard output and error while a command runs."""

    def __init__(self) -> None:
        self.out, self.err = Stream(sys.stdout), Stream(sys.stderr)

    def lost(self) -> OSError | None:
        """Why standard output could not take everything, or None; also that its reader has closed the pipe (EPIPE)."""
        self.out.flush()
        self.err.flush()
        return self.out.error


@contextmanager
def unfailing() -> Iterator[Streams]:
    """Make `sys.stdout` and `sys.stderr` take everything within this block."""
    _fill()
    streams = Streams()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = streams.out, streams.err
    try:
        yield streams
    finally:
        sys.stdout, sys.stderr = before
        streams.out.restore()
        streams.err.restore()


def _fill() -> None:
    """Open descriptors 0 to 2 if a shell closed them (`>&-`); otherwise a database would get one of these numbers."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
