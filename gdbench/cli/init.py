"""`gdbench init`."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from gdbench.cli.options import EncodeOption, JsonOption
from gdbench.cli.output import paragraph, print_json, say
from gdbench.errors import UsageError
from gdbench.inputs.paths import user_path
from gdbench.inputs.writing import write_text


def init(
    data: Annotated[str, typer.Argument(metavar="FILE", help="A file of data: CSV, Parquet, NPZ or a folder of IDX.")],
    predict: Annotated[str, typer.Option("--predict", metavar="COLUMN", help="The column to predict.")],
    encode: EncodeOption = False,
    out: Annotated[
        Path | None,
        typer.Option("-o", metavar="FILE.toml", help="Where to write.", show_default="the name of the data, here"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a suite for a file of data, as TOML with comments, and print what is in the data.

    The target is a ladder of levels that a short pilot of two rules reached. Change what you like, then run the file.
    """
    from gdbench.runner.proposal import propose

    path = None if out is None else user_path(out)
    if path is not None and path.suffix != ".toml":
        raise UsageError(f"-o {out}: a suite's name must end in .toml")
    # Before the pilot, which may take minutes.
    path = path or Path(f"{Path(data).name.partition('.')[0] or 'data'}.toml")
    if path.exists() and not force:
        raise UsageError(f"{path} exists; say --force to replace it, or -o FILE.toml for another name")
    relative = not user_path(data).is_absolute()
    found = propose(os.path.relpath(data, path.parent) if relative else data, predict, encode, path.parent)
    write_text(path, found.text)
    if as_json:
        print_json({"suite": str(path), "facts": found.facts})
        return
    for fact in found.facts:
        paragraph(fact)
    say()
    say(f"{path} is written; run it with: gdbench run {shlex.quote(str(path))}")
