"""The data sets of scikit-learn, checked by the hashes of their contents, since its versions differ."""

from gdbench.data.loading import load
from gdbench.data.names import short
from gdbench.data.shipped import KNOWN
from gdbench.verification.checks import FAILED, Row, Rows, check


@check("contents", "hashes of what scikit-learn's versions hold")
def _() -> Rows:
    for name, versions in KNOWN.items():
        contents = load({"name": name}).contents
        if contents in versions:
            yield Row("", "", f"{name}: {short(contents)}, as in {versions[contents]}")
        else:
            known = ", ".join(f"{short(each)} ({version})" for each, version in versions.items())
            reason = f"its contents are {contents}, and known are {known}"
            yield Row("", "", f"{name}: {short(contents)}", verdict=FAILED, reason=reason)
