"""Copy a suite that a user gave to plain tables, lists and values, which all later code can hold and write.

    table = plain({"seeds": np.int64(3)})       # {"seeds": 3}

Refused here is what no key could hold: endless lists and texts, deep nesting, numbers with too many digits.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gdbench.errors import UsageError, shown
from gdbench.inputs import limits

GREATEST = 10**limits.DIGITS


def plain(value: Any, key: str = "", depth: int = 0) -> Any:
    """A copy with Python's types for NumPy's scalars and arrays, text for paths, and 0 for -0, which has another key.

    Raises UsageError that names the key.
    """
    if depth > limits.DEPTH:
        raise UsageError(f"{_subject(key)} has more than {limits.DEPTH} nested tables or lists; nest fewer")
    if isinstance(value, Mapping):
        _check_length(key, len(value), "keys")
        return {_name(key, k): plain(v, f"{key}.{k}" if key else str(k), depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        _check_length(key, len(value), "values")
        return [plain(each, key, depth + 1) for each in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist") and hasattr(value, "size"):  # NumPy's scalars and arrays
        _check_length(key, value.size, "values")
        return plain(value.tolist(), key, depth)
    return _scalar(value, key)


def _scalar(value: Any, key: str) -> Any:
    if isinstance(value, str):
        _check_text(value, key)
    elif isinstance(value, float):
        return value + 0.0  # -0.0 becomes 0.0, all else stays
    elif isinstance(value, int) and not -GREATEST < value < GREATEST:
        raise UsageError(
            f"{_subject(key)} = {shown(value)}; numbers must be finite, and whole ones have at most {limits.DIGITS} "
            "digits"
        )
    return value


def _check_length(key: str, count: int, what: str) -> None:
    if count > limits.VALUES:
        raise UsageError(f"{_subject(key)} has {count:,} {what}; at most {limits.VALUES:,} are allowed, so give fewer")


def _check_text(text: str, key: str) -> None:
    if len(text) > limits.TEXT:
        raise UsageError(
            f"{_subject(key)} = {shown(text)} has {len(text):,} characters; use at most {limits.TEXT:,} of them"
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{_subject(key)} = {shown(text)} is not text in UTF-8; write it again") from None


def _name(key: str, name: Any) -> str:
    _check_text(str(name), f"{key or 'the suite'}: a key")
    return str(name)


def _subject(key: str) -> str:
    """A key at the beginning of a sentence, cut if it is long."""
    return key if len(key) <= 2 * limits.NAME_BYTES else f"{key[: limits.NAME_BYTES]}..."
