"""Data sets: shipped ones, files and synthetic ones, as checked arrays."""

from gdbench.data.dataset import Dataset
from gdbench.data.files import FILES, is_place
from gdbench.data.loading import CONTENTS, identified, load, resolve, short, work
from gdbench.data.notices import notices
from gdbench.data.shipped import SHIPPED
from gdbench.data.splitting import split
from gdbench.data.synthetic import SYNTHETIC

__all__ = [
    "CONTENTS",
    "FILES",
    "SHIPPED",
    "SYNTHETIC",
    "Dataset",
    "identified",
    "is_place",
    "load",
    "notices",
    "resolve",
    "short",
    "split",
    "work",
]
