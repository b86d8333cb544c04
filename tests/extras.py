"""What some tests need beyond what the README's test command installs: is it here, and how is it had?

@pytest.mark.needs("torch")       # skipped where PyTorch is not installed (conftest.py)
pytest -m needs                   # the tests that need something, alone
python tests/extras.py            # what is missing here, and exit code 1 where anything is
"""

import shutil
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


def _module(module: str, name: str, extra: str = "peers") -> Callable[[], str | None]:
    said = f'{name} is not installed (pip install -e ".[{extra}]")'
    return lambda: None if find_spec(module) else said


def _numba_cuda() -> str | None:
    from gdbench.kernels.compile import cuda

    return f'{cuda.ABSENT} (pip install -e ".[cuda]")' if cuda.ABSENT else None


def _compiler() -> str | None:
    from gdbench.kernels.compile import cuda

    return _numba_cuda() or cuda.missing_compiler()


# By the name that tests give: why it cannot be used here, or None.
EXTRAS: dict[str, Callable[[], str | None]] = {
    "torch": _module("torch", "PyTorch"),
    "jax": _module("jax", "JAX"),
    "optax": _module("optax", "Optax"),
    "numba-cuda": _numba_cuda,
    "cuda-compiler": _compiler,
    "nvidia-ml-py": _module("pynvml", "nvidia-ml-py", "cuda"),
    "chromium": lambda: None if CHROMIUM else "there is no chromium (apt-get install chromium)",
}


@cache
def missing(name: str) -> str | None:
    """Why what a test needs cannot be used here, or None."""
    return EXTRAS[name]()


if __name__ == "__main__":
    reasons = [reason for reason in map(missing, EXTRAS) if reason]
    sys.exit("\n".join(reasons) or 0)
