"""From a suite's name, file or dict to a checked Suite, or to one sentence that says what is wrong."""

import codecs
import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gdbench.data.formats import format_of
from gdbench.errors import UsageError, nearest, shown
from gdbench.inputs import limits
from gdbench.inputs.paths import user_path
from gdbench.inputs.visible import visible
from gdbench.suites.checking import checked_suite
from gdbench.suites.counting import check_counts
from gdbench.suites.schema import PROBLEMS, Budget, Evaluate, SuiteModel
from gdbench.suites.suite import Suite
from gdbench.suites.table import plain
from gdbench.suites.typed import OutOfBoundsError, UnreadableError, key_of, loose_number, value_of

FOLDER = Path(__file__).parent


def shipped() -> dict[str, Path]:
    """The files of the suites that come with gdbench, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}


def load(
    source: str | Path | Mapping[str, Any],
    *,
    overrides: Sequence[str] = (),
    seeds: int | None = None,
    folder: Path | None = None,
    name: str = "suite",
    words: Sequence[str] = (),
) -> Suite:
    """The suite of a shipped name, a TOML file's path, or a dict of the same shape.

    overrides: `KEY=VALUE` texts, KEY with dots, VALUE as in TOML. seeds: replaces the suite's own number. For a dict:
    folder, where its relative paths begin, the current folder by default; name, the suite's; words, what follows
    `gdbench run` in the command that runs it again, if one does. Raises UsageError that names file, key and value, and
    says what would be right.
    """
    if isinstance(source, Mapping):
        where, folder, given = name, folder or Path.cwd(), source
    else:
        path = find(str(source))
        where = str(source) if str(source).endswith(".toml") else path.name
        name, folder, given = visible(path.stem), path.parent, read(path)  # a store can only hold text
        words = (str(source),)
    try:
        table = _checked(given, overrides, seeds)
        model = SuiteModel.model_validate(table)
    except ValidationError as error:
        raise UsageError(f"{where}: {sentence(error)}") from None
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    suite = checked_suite(name, where, folder, table, model)
    if words:
        suite.command = shlex.join(
            [
                *("python", "-m", "gdbench", "run", *words),
                *(word for override in overrides for word in ("--set", override)),
                *(() if seeds is None else ("--seeds", str(seeds))),
            ]
        )
    return suite


def _checked(given: Mapping[str, Any], overrides: Sequence[str], seeds: int | None) -> dict[str, Any]:
    """The table with the overrides, counted before it is expanded: a small table may stand for a huge one."""
    check_counts(given)
    table: dict[str, Any] = plain(given)
    for override in overrides:
        _override(table, override)
    if seeds is not None:
        table["seeds"] = seeds
    check_counts(table)
    return plain(table) if overrides else table


def find(name: str) -> Path:
    """The file of a suite, by its name or path."""
    if name in shipped():
        return shipped()[name]
    path = user_path(name)
    if format_of(path) is not None and not path.is_dir():
        raise UsageError(f"{name} is a file of data, not a suite; add --predict COLUMN to compare rules on it")
    if path.suffix == ".toml" or len(path.parts) > 1:
        if not path.exists():
            raise UsageError(
                f"suite file {name} does not exist; give a path to a TOML file or one of: {', '.join(shipped())}"
            )
        return path
    raise UsageError(f"unknown suite {shown(name)}{nearest(name, shipped())}")


def read(path: Path) -> dict[str, Any]:
    """The table in a file."""
    text = _text(path)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise UsageError(f"{path}: not valid TOML, since brackets are nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not valid TOML: {error}{_remedy(text, str(error))}") from None
    except ValueError:  # Python's own error for numbers with thousands of digits
        raise UsageError(
            f"{path}: not valid TOML: a number has more than {limits.DIGITS} digits; write a smaller one"
        ) from None


def _text(path: Path) -> str:
    """The file's text, without the byte order mark that Windows editors write."""
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path}: not a file; a suite is a TOML file")
        with path.open("rb") as file:
            content = file.read(limits.FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    if len(content) > limits.FILE_BYTES:
        raise UsageError(
            f"{path}: more than {limits.FILE_BYTES:,} bytes; a suite is a short TOML text, so make it smaller"
        )
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UsageError(f"{path}: a text file in UTF-16; save it in UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not a text file in UTF-8 (byte {error.start}); a suite is TOML text") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _remedy(text: str, complaint: str) -> str:
    """What to write instead of a number such as .1, if the line of the complaint has one."""
    place = re.search(r"\(at line ([0-9]+),", complaint)
    lines = text.splitlines()
    found = loose_number(lines[int(place[1]) - 1]) if place and int(place[1]) <= len(lines) else None
    return f"; write {value_of(found)} for {found}" if found else ""


def sentence(error: ValidationError) -> str:
    """pydantic's first complaint as one sentence with key and value."""
    first = error.errors(include_url=False)[0]
    parts = _key(first["loc"])
    key = ".".join(parts)
    if first["type"] == "extra_forbidden":
        known = _fields(tuple(first["loc"]))
        return f"unknown key {shown(key)}{nearest(parts[-1], known)}"
    if first["type"] == "missing":
        return (
            f"{key} is missing"
            + (" (add a table such as [rule.adam])" if key == "rule" else "")
            + (
                ' (add a table such as [problem.digits] with kind = "mlp" and dataset = "digits")'
                if key == "problem"
                else ""
            )
        )
    if first["type"] in _TYPES:
        example = _TABLES.get(key, "") if first["type"] == "model_type" else ""
        return f"{key} = {shown(first['input'])} must be {_TYPES[first['type']]}{example}"
    message = str(first["ctx"]["error"]) if "error" in first.get("ctx", {}) else first["msg"]
    message = message[:1].lower() + message[1:]
    message = message.removeprefix("input ").replace("should", "must")
    if not key or message.startswith(("unknown", "schedule")):  # the message names key and value itself
        return f"{key}: {message}" if key else message
    return f"{key} = {shown(first['input'])} {message}"


_TABLES = {"budget": ", such as {epochs = 30}", "evaluate": ", such as {points = 40}"}
_TYPES = {
    "model_type": "a table",
    "dict_type": "a table",
    "list_type": "a list",
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "too_short": "a table with at least one entry",
}


def _key(place: tuple[Any, ...]) -> list[str]:
    """The key of an error as the user wrote it: without positions in an axis, and without the model of a problem."""
    parts = [*place[:2], *place[3:]] if place[:1] == ("problem",) else [*place]
    return [part for part in parts if isinstance(part, str)]


def _fields(place: tuple[Any, ...]) -> list[str]:
    kind = PROBLEMS.get(str(place[2]), SuiteModel) if len(place) > 2 else SuiteModel
    tables: dict[str, Any] = {"budget": Budget, "evaluate": Evaluate, "problem": kind}
    model = tables.get(str(place[0]), SuiteModel) if len(place) > 1 else SuiteModel
    return list(model.model_fields)


def _override(table: dict[str, Any], text: str) -> None:
    if len(text) > limits.FILE_BYTES:
        raise UsageError(f"--set {shown(text)} has {len(text):,} characters; use at most {limits.FILE_BYTES:,} of them")
    try:
        parts, value = key_of(text)
    except UnreadableError as error:
        raise UsageError(f"--set {shown(text)}: the key {error}") from None
    if not parts:
        raise UsageError(f"--set {shown(text)} must be KEY=VALUE, such as budget.epochs=10")
    if len(parts) > limits.DEPTH:
        raise UsageError(f"--set {shown(text)}: the key has {len(parts)} parts; at most {limits.DEPTH} make sense")
    for part in parts[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise UsageError(f"--set {shown(text)}: {shown(part)} is a value, not a table")
    table[parts[-1]] = _typed(text, value)


def _typed(text: str, value: str) -> Any:
    """The value as TOML reads it; anything else is text, as in title=Plain words."""
    try:
        return value_of(value)
    except UnreadableError as error:
        if not isinstance(error, OutOfBoundsError):
            return value.strip()
        raise UsageError(f"--set {shown(text)} {error}; write less") from None
