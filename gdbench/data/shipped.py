"""The data sets that come inside scikit-learn's own wheel: real data, no download."""

import numpy as np

from gdbench.data.dataset import Dataset

SHIPPED = {
    "digits": "1797 handwritten digits of 8 x 8 pixels, 10 classes",
    "iris": "150 flowers, 4 measurements, 3 species",
    "wine": "178 wines, 13 chemical measurements, 3 growers",
    "breast-cancer": "569 tumours, 30 measurements, malignant or benign",
    "diabetes": "442 patients, 10 measurements, disease progression after a year (regression)",
}


def load_shipped(name: str) -> Dataset:
    """The shipped data set of that name."""
    from sklearn import datasets  # takes a second to import, so only where it is needed

    bunch = getattr(datasets, f"load_{name.replace('-', '_')}")()
    x = np.ascontiguousarray(bunch.data, np.float64)
    if name == "diabetes":
        return Dataset(name, x, np.ascontiguousarray(bunch.target, np.float64).reshape(-1, 1))
    return Dataset(name, x, np.ascontiguousarray(bunch.target, np.int64))
