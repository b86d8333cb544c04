"""Small changes of sound inputs: of bytes, of lines, of tables. A seed repeats them."""

import copy
import random
from collections.abc import Iterator
from typing import Any

# What people and programs write where something else is meant, and what has broken programs before.
VALUES: list[Any] = [
    *(0, 1, -1, 2, 0.5, -0.0, 1e-320, 1e308, -1e308, 10**9, 10**18, 2**63, 10**30, True, False),
    *("", "full", "random", "x", "\u202e", "a" * 300, "\n", "../../etc/passwd", "$x$", "[red]", "é", "None", "nan"),
    *([], [[]], [[], [1]], {}, [1, 2, 3], ["a", "b"], [0.1, 0.1], [[1.0, 2.0], [3.0]], [[[[[1]]]]]),
    *({"log": [1e-3, 1, 3]}, {"log": [0, 1, 3]}, {"log": [1e-300, 1e300, 10]}, {"log": [1e-3, 1, 10**9]}),
    *({"linear": [-1, 1, 2.5]}, {"values": []}, {"values": [1, 1]}, {"random": [0, 1, 5]}, {"values": {"log": 1}}),
    *({"kind": "step"}, {"epochs": 1}, {"points": 3}, {"every": 1}, {"name": "teacher"}, {"file": "/dev/zero"}),
    *("/dev/null", ".", "~root", "~nobody_here/x.csv", "iris", "digits.csv", ["relu", "tanh"], "2020-01-01", "\ud800"),
    *(float("inf"), float("nan"), -(10**40), list(range(300)), "lookahead(lookahead(sgd))", "x" * 5000),
]
CELLS = (
    "",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "1_0",
    "0x10",
    " 1 ",
    "１",
    "9" * 5000,
    "-",
    "+",
    "1.",
    ".",
    "\ufeff1",
    "\x1b[2J",
)
NUMBERS = (b"999999999999", b"-1", b"1e999", b"inf", b"nan", b"0", b"9" * 4400, b".5", b"5.", b"false")
PUNCTUATION = b"[]{}()=\"'\n\r\t.,:;0123456789eE+-_#\\%$/\x00\x1b\xff\xfe"


def of_table(rng: random.Random, table: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """A copy with one to three of its values replaced, removed, renamed, added to or put elsewhere."""
    table = copy.deepcopy(table)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        places = list(_places(table))
        if not places:
            break
        *path, last = rng.choice(places)
        parent: Any = table
        for key in path:
            parent = parent[key]
        way = rng.random()
        if way < 0.5:
            parent[last] = copy.deepcopy(rng.choice(VALUES))
        elif way < 0.65:
            del parent[last]
        elif way < 0.85:
            value = copy.deepcopy(rng.choice(VALUES))
            if isinstance(parent, dict):
                parent[rng.choice(keys)] = value
            else:
                parent.append(value)
        elif way < 0.95 and isinstance(parent, dict):
            parent[rng.choice(keys)] = parent.pop(last)
        else:
            other: Any = table
            for key in rng.choice(places):
                other = other[key]
            parent[last] = copy.deepcopy(other)
    return table


def _places(table: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs = table.items() if isinstance(table, dict) else enumerate(table)
    for key, value in list(pairs):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from _places(value, (*path, key))


def of_bytes(rng: random.Random, content: bytes) -> bytes:
    """A copy with one to four places changed: a byte, a stretch, a number, a flipped bit, the end."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4])):
        if not changed:
            return b"x"
        place, way = rng.randrange(len(changed)), rng.random()
        if way < 0.2:
            changed[place] ^= 1 << rng.randrange(8)
        elif way < 0.35:
            changed[place] = rng.choice(PUNCTUATION)
        elif way < 0.5:
            del changed[place : place + rng.randrange(1, 12)]
        elif way < 0.65:
            changed[place:place] = bytes(rng.choice(PUNCTUATION) for _ in range(rng.randrange(1, 5)))
        elif way < 0.8:
            other = rng.randrange(len(changed))
            changed[place:place] = changed[other : other + rng.randrange(1, 60)]
        elif way < 0.95:
            number = rng.choice([b"0", b"1", b"2", b"0.1", b"true"])
            at = changed.find(number, place)
            if at >= 0:
                changed[at : at + len(number)] = rng.choice(NUMBERS)
        else:
            del changed[place:]
    return bytes(changed)


def of_lines(rng: random.Random, text: str, separator: str = "\t") -> str:
    """A copy with one or two lines or cells changed, doubled, swapped or removed."""
    lines = text.split("\n")
    for _ in range(rng.choice([1, 1, 2])):
        place, way = rng.randrange(len(lines)), rng.random()
        if way < 0.2:
            lines.insert(place, lines[rng.randrange(len(lines))])
        elif way < 0.35 and len(lines) > 1:
            del lines[place]
        else:
            cells = lines[place].split(separator)
            cells[rng.randrange(len(cells))] = rng.choice(CELLS)
            lines[place] = separator.join(cells)
    return "\n".join(lines)
