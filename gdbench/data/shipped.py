"""The data sets in scikit-learn's own wheel: real data, no download."""

import numpy as np

from gdbench.data.dataset import Dataset

# The hashes of their contents (Dataset.contents), and the versions of scikit-learn that have them.
KNOWN = {
    "digits": {"e083f2e7716c8b03b13c94a8ad53367f806104fb22d7875d3dc474caba57cd21": "scikit-learn 1.3 to 1.9"},
    "iris": {"65979432c20753fa32ac7a1f1aedcd59a34541cf7876987f3f1d2c05d3219a70": "scikit-learn 1.3 to 1.9"},
    "wine": {"f46bd61505987c0f968508780b6b469894a6ec6af2cd89794edaa07776427f74": "scikit-learn 1.3 to 1.9"},
    "breast-cancer": {"ac89a3157c981fba49f935582716f684ac4d7629692485aeb10a9f281c44a8a7": "scikit-learn 1.3 to 1.9"},
    "diabetes": {  # scikit-learn standardises it: 11 values differ by a unit in the last place between versions
        "3917b2e5b06ea09c39c48b219b31e792c11d70952464c33158c01090af5ce2bb": "scikit-learn 1.7 and before",
        "91ca83bd798e39a99454704ca5673071c6efa528804edf1344428774e8083551": "scikit-learn 1.8 and later",
    },
}


def load_shipped(name: str) -> Dataset:
    """The shipped data set of that name."""
    from sklearn import datasets  # here, since the import takes a second

    bunch = getattr(datasets, f"load_{name.replace('-', '_')}")()
    x = np.ascontiguousarray(bunch.data, np.float64)
    if name == "diabetes":
        return Dataset(name, x, np.ascontiguousarray(bunch.target, np.float64).reshape(-1, 1))
    return Dataset(name, x, np.ascontiguousarray(bunch.target, np.int64))
