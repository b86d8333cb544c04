"""From a suite's entry for a data set to the arrays."""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from gdbench.data.dataset import Dataset
from gdbench.data.files import is_place, load_files, resolve_files
from gdbench.data.names import CONTENTS, SHIPPED, SYNTHETIC, short
from gdbench.data.shipped import load_shipped
from gdbench.data.synthetic import load_synthetic, synthetic_options, synthetic_work
from gdbench.errors import UsageError, nearest, shown


def resolve(given: str | Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The argument of `load`: a shipped name, files with the hashes of their contents, or a generator's options.

    A relative path is taken from `folder`, that of the suite. Raises UsageError for an unknown name, file or option.
    """
    if isinstance(given, str):
        given = {"file": given} if given not in (*SHIPPED, *SYNTHETIC) and is_place(given, folder) else {"name": given}
    if "name" not in given:
        if not {"file", "train", "test"} & set(given):
            raise UsageError(
                f"a table with {', '.join(list(given)[:5]) or 'nothing'} must have name, file, or train and test"
            )
        return resolve_files(given, folder)
    name, options = given["name"], {key: value for key, value in given.items() if key != "name"}
    if isinstance(name, str) and name in SYNTHETIC:
        return {"name": name, **synthetic_options(name, options)}
    if not isinstance(name, str) or name not in SHIPPED:
        raise UsageError(f"unknown dataset {shown(name)}{nearest(name, [*SHIPPED, *SYNTHETIC])}")
    if options:
        raise UsageError(
            f'dataset {name!r} takes no options, and has {shown(next(iter(options)))}; write dataset = "{name}"'
        )
    return {"name": name}


def work(resolved: Mapping[str, Any]) -> tuple[int, int]:
    """How many numbers are generated for what `resolve` gave, and with how many multiplications; 0 for files."""
    return synthetic_work(resolved) if resolved.get("name") in SYNTHETIC else (0, 0)


def load(resolved: Mapping[str, Any]) -> Dataset:
    """The data set that `resolve` or `identified` described, read once a process.

    Raises UsageError for a wrong file, and for data whose hash is not the one in a definition.
    """
    named = {key: value for key, value in resolved.items() if key != CONTENTS}
    dataset = _load(json.dumps(named, sort_keys=True))
    if CONTENTS in resolved and dataset.contents != resolved[CONTENTS]:
        raise UsageError(
            f"data set {dataset.name} has the contents {short(dataset.contents)} here, and "
            f"{short(resolved[CONTENTS])} are meant; use the files, and the version of scikit-learn, of that run"
        )
    return dataset


def identified(resolved: Mapping[str, Any]) -> dict[str, Any]:
    """What `resolve` gave, with the hash of the contents unless the options determine these.

    Synthetic data are a function of their options; `tests/data/test_data.py` pins them to the bit. Data from files or
    from scikit-learn are not: versions differ, and so do the rules for reading files.
    """
    return dict(resolved) if resolved.get("name") in SYNTHETIC else {**resolved, CONTENTS: load(resolved).contents}


@lru_cache(maxsize=16)
def _load(text: str) -> Dataset:
    resolved = json.loads(text)
    if "name" not in resolved:
        return load_files(resolved)
    if resolved["name"] in SHIPPED:
        return load_shipped(resolved["name"])
    return load_synthetic(resolved)
