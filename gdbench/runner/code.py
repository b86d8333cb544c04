"""What code produced a run's numbers."""

import hashlib

from gdbench.kernels import source_hash
from gdbench.plugins import plugin_hash


def code_hash() -> str:
    """Hash of the kernels' and the plug-ins' source."""
    plugins = plugin_hash()
    return hashlib.sha256(f"{source_hash()}|{plugins}".encode()).hexdigest() if plugins else source_hash()
