"""From a suite's name, file or dict to a checked Suite, or to one sentence that says what is wrong."""

import shlex
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gdbench.data.paths import user_path
from gdbench.errors import UsageError, nearest
from gdbench.suites.schema import PROBLEMS, Budget, Evaluate, SuiteModel
from gdbench.suites.suite import Suite

FOLDER = Path(__file__).parent


def shipped() -> dict[str, Path]:
    """The suites that come with gdbench, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}


def load(
    source: str | Path | Mapping[str, Any],
    *,
    overrides: Sequence[str] = (),
    seeds: int | None = None,
    folder: Path | None = None,
) -> Suite:
    """The suite of a shipped name, a TOML file's path, or a dict of the same shape.

    overrides: `KEY=VALUE` texts, KEY with dots, VALUE as TOML has it. seeds: instead of the suite's own.
    folder: where the relative paths of a dict begin, the current folder by default.
    Raises UsageError that names file, key and value and says what would be right.
    """
    if isinstance(source, Mapping):
        where, name, folder, table = "suite", "suite", folder or Path.cwd(), _copy(source)
    else:
        path = find(str(source))
        where, name, folder, table = (
            str(source) if str(source).endswith(".toml") else path.name,
            path.stem,
            path.parent,
            read(path),
        )
    for override in overrides:
        _override(table, override)
    if seeds is not None:
        table["seeds"] = seeds
    try:
        model = SuiteModel.model_validate(table)
    except ValidationError as error:
        raise UsageError(f"{where}: {sentence(error)}") from None
    suite = Suite(name, where, folder, table, model)
    if not isinstance(source, Mapping):
        suite.command = shlex.join(
            [
                *("python", "-m", "gdbench", "run", str(source)),
                *(word for override in overrides for word in ("--set", override)),
                *(() if seeds is None else ("--seeds", str(seeds))),
            ]
        )
    return suite


def find(name: str) -> Path:
    """The file of a suite's name or path."""
    if name in shipped():
        return shipped()[name]
    path = user_path(name)
    if path.suffix == ".toml" or len(path.parts) > 1:
        if not path.exists():
            raise UsageError(
                f"suite file {name} does not exist; give a path to a TOML file or one of: {', '.join(shipped())}"
            )
        return path
    raise UsageError(f"unknown suite {name!r}{nearest(name, shipped())}")


def read(path: Path) -> dict[str, Any]:
    """The file's table."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not a text file in UTF-8 (byte {error.start}); a suite is TOML text") from None
    except (ValueError, RecursionError) as error:  # TOML's own errors are ValueErrors; so are numbers of 5000 digits
        raise UsageError(f"{path}: not valid TOML: {error}") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None


def sentence(error: ValidationError) -> str:
    """pydantic's first complaint, as one sentence with key and value."""
    first = error.errors(include_url=False)[0]
    parts = _key(first["loc"])
    key = ".".join(parts)
    if first["type"] == "extra_forbidden":
        known = _fields(tuple(first["loc"]))
        return f"unknown key {key!r}{nearest(parts[-1], known)}"
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
        return f"{key} = {_short(first['input'])} must be {_TYPES[first['type']]}"
    message = str(first["ctx"]["error"]) if "error" in first.get("ctx", {}) else first["msg"]
    message = message[:1].lower() + message[1:]
    message = message.removeprefix("input ").replace("should", "must")
    if not key or message.startswith(("unknown", "schedule")):  # it names key and value itself
        return f"{key}: {message}" if key else message
    return f"{key} = {_short(first['input'])} {message}"


_TYPES = {
    "model_type": "a table, such as {epochs = 30}",
    "dict_type": "a table",
    "list_type": "a list",
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "too_short": "a table with at least one entry",
}


def _key(place: tuple[Any, ...]) -> list[str]:
    """Where an error is, as the user wrote it: without positions in an axis and without the model of a problem."""
    parts = [*place[:2], *place[3:]] if place[:1] == ("problem",) else [*place]
    return [part for part in parts if isinstance(part, str)]


def _fields(place: tuple[Any, ...]) -> list[str]:
    kind = PROBLEMS.get(str(place[2]), SuiteModel) if len(place) > 2 else SuiteModel
    tables: dict[str, Any] = {"budget": Budget, "evaluate": Evaluate, "problem": kind}
    model = tables.get(str(place[0]), SuiteModel) if len(place) > 1 else SuiteModel
    return list(model.model_fields)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _copy(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(v) for v in value]
    if isinstance(value, Path):
        return str(value)
    return _copy(value.tolist()) if hasattr(value, "tolist") else value  # NumPy's scalars and arrays


def _override(table: dict[str, Any], text: str) -> None:
    key, separator, value = text.partition("=")
    parts = key.strip().split(".")
    if not separator or not all(parts):
        raise UsageError(f"--set {text!r} must be KEY=VALUE, such as budget.epochs=10")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    for part in parts[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise UsageError(f"--set {text!r}: {part!r} is a value, not a table")
    table[parts[-1]] = parsed
