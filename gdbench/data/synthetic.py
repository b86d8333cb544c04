"""The synthetic data sets; teacher.py and sparse.py have their formulas."""

from collections.abc import Mapping
from typing import Any

from gdbench.data.dataset import Dataset
from gdbench.data.generator import Generator, options
from gdbench.data.sparse import Sparse, load_sparse
from gdbench.data.teacher import Teacher, load_teacher

_MODELS: dict[str, type[Generator]] = {"teacher": Teacher, "sparse": Sparse}
_LOADERS = {"teacher": load_teacher, "sparse": load_sparse}


def synthetic_options(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a generator, completed by the defaults; raises UsageError for a wrong one."""
    return options(_MODELS[name], name, given)


def load_synthetic(resolved: Mapping[str, Any]) -> Dataset:
    """The data of the generator whose `name` and options `resolve` gave."""
    return _LOADERS[resolved["name"]](resolved)


def synthetic_work(resolved: Mapping[str, Any]) -> tuple[int, int]:
    """How many numbers a generator makes, and with how many multiplications."""
    given = {key: value for key, value in resolved.items() if key != "name"}
    model = _MODELS[resolved["name"]].model_validate(given)
    return model.samples * (model.features + model.outputs_of_teacher), model.samples * model.weights
