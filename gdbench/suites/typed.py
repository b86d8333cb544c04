"""Read what people type on a command line as TOML, but with numbers as people write them.

value_of(".1,1e-2", listed=True)        # [0.1, 0.01]
value_of("{log = [.001, 1., 5]}")       # {"log": [0.001, 1.0, 5]}
key_of('rule."lookahead(sgd)".lr=.1')   # (["rule", "lookahead(sgd)", "lr"], ".1")
"""

import re
import tomllib
from typing import Any

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|' r"'[^']*'")
# A number that TOML refuses: no digit on one side of its point, or a point at its end.
_LOOSE = re.compile(r"(?<![\w.+-])([+-]?)(?:\.(\d[\d_]*)|(\d[\d_]*)\.)(?![\w.]*\.)(?=[eE][+-]?\d|[\s,\]}]|$)")
_PART = re.compile(rf"\s*(?:({_QUOTED.pattern})|([^.=\"']+?))\s*([.=]|$)")


class UnreadableError(ValueError):
    """The text is not a value of TOML. The message continues a sentence that begins with the text."""


class OutOfBoundsError(UnreadableError):
    """The text is a value, but larger or deeper than any that makes sense."""


def value_of(text: str, *, listed: bool = False) -> Any:
    """The value of a text; raises UnreadableError. listed: read `1,2` as the list of both."""
    text = text.strip()
    if listed and "," in text and text[:1] not in "[{":
        text = f"[{text}]"
    for spelling in (text, as_toml(text)):
        try:
            read = tomllib.loads(f"value = {spelling}")
        except RecursionError:
            raise OutOfBoundsError("has too many nested brackets") from None
        except tomllib.TOMLDecodeError:
            continue
        except ValueError:  # Python's own error for numbers with thousands of digits
            raise OutOfBoundsError("has a number with too many digits") from None
        if set(read) == {"value"}:
            return read["value"]
    raise UnreadableError("is not a value as in a suite")


def as_toml(text: str) -> str:
    """The text with .1 as 0.1 and 1. as 1.0, except inside quotes.

    >>> as_toml("[.1, -1., 1.e3, '.1']")
    "[0.1, -1.0, 1.0e3, '.1']"
    """
    parts, end = [], 0
    for quoted in [*_QUOTED.finditer(text), None]:
        between = text[end : quoted.start() if quoted else len(text)]
        parts.append(_LOOSE.sub(lambda m: f"{m[1]}{m[3] or 0}.{m[2] or 0}", between))
        parts.append(quoted.group() if quoted else "")
        end = quoted.end() if quoted else end
    return "".join(parts)


def loose_number(line: str) -> str | None:
    """The first number of a line that TOML refuses, because it lacks a digit on one side of its point."""
    found = _LOOSE.search(_QUOTED.sub(lambda m: " " * len(m.group()), line.partition("#")[0]))
    return found.group() if found else None


def key_of(text: str) -> tuple[list[str], str]:
    """The parts of the key of KEY=VALUE, quoted ones as in TOML, and the value's text; no parts if there is no key."""
    parts, start = [], 0
    while found := _PART.match(text, start):
        quoted, bare, mark = found.groups()
        parts.append(value_of(quoted) if quoted else bare)
        start = found.end()
        if mark == "=":
            return parts, text[start:]
        if not mark:
            break
    return [], ""
