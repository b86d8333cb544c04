"""Standard output and error that nothing can make fail: what took minutes must not end because it could not be printed.

    with unfailing() as streams:
        ...
    streams.lost()    # why something could not be written, or None

A character that the encoding lacks is written in words. After an error (a full disk, a closed pipe) nothing more is.
"""

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# What our own words need, where an encoding has it not (cp1252 has no infinity sign, ASCII none of these).
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
    """A handler as `codecs.register_error` wants it: words for what we know, Python's escape for the rest."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(
        IN_WORDS.get(each) or each.encode("ascii", "backslashreplace").decode() for each in lacking
    ), error.end


codecs.register_error(HANDLER, _in_words)


def encodable(text: str, encoding: str | None) -> str:
    """The text as it comes out in that encoding, so that tables know how wide their cells are."""
    try:
        return text.encode(encoding or "utf-8", HANDLER).decode(encoding or "utf-8")
    except (LookupError, UnicodeError):  # an encoding that Python does not know, or one that has no ASCII
        return text


class Stream:
    """A text stream around another one, or around none, which keeps the first error and drops what comes after it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        self.error: OSError | None = None
        self._usual = getattr(stream, "errors", None)
        self._handle(HANDLER)

    def restore(self) -> None:
        """Let the stream handle characters that it cannot encode as before."""
        self._handle(self._usual)

    def _handle(self, errors: str | None) -> None:
        if hasattr(self._stream, "reconfigure") and not self._stream.closed:
            self._stream.reconfigure(errors=errors)

    def write(self, text: str) -> int:
        """Write, or do as if."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush, or do as if."""
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
        """Let Python's own flush at its end, which would fail again, go nowhere."""
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
        except (OSError, ValueError, AttributeError):
            pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Streams:
    """Both of them while a command runs."""

    def __init__(self) -> None:
        self.out, self.err = Stream(sys.stdout), Stream(sys.stderr)

    def lost(self) -> OSError | None:
        """Why standard output could not take everything; a reader that has seen enough (EPIPE) is a reason too."""
        self.out.flush()
        self.err.flush()
        return self.out.error


@contextmanager
def unfailing() -> Iterator[Streams]:
    """Within this, `sys.stdout` and `sys.stderr` take everything."""
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
    """Where a shell closed descriptors 0 to 2 (`>&-`), open them: else a database would get one of these numbers."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
