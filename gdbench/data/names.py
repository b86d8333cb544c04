"""The names of data sets, and the key of their hash in a definition. Imports no other module of gdbench."""

from collections.abc import Mapping
from typing import Any

SHIPPED = {
    "digits": "1797 handwritten digits of 8 x 8 pixels, 10 classes",
    "iris": "150 flowers, 4 measurements, 3 species",
    "wine": "178 wines, 13 chemical measurements, 3 growers",
    "breast-cancer": "569 tumours, 30 measurements, malignant or benign",
    "diabetes": "442 patients, 10 measurements, disease progression after a year (regression)",
}
SYNTHETIC = {
    "teacher": "points labelled by a random network of any size",
    "sparse": "rows of 0 and 1, as of words in texts: few features are frequent, most are rare",
}
CONTENTS = "contents"  # in a definition: the hash of a data set's numbers (Dataset.contents)


def is_read(dataset: Mapping[str, Any]) -> bool:
    """Whether the data set of a definition is read, not generated, so that its contents may change."""
    return CONTENTS in dataset or dataset.get("name") not in SYNTHETIC


def short(contents: str) -> str:
    """The first digits of a hash, as sentences show it."""
    return contents[:8]
