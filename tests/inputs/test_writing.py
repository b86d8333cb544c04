"""Files under a temporary name: nobody takes one from a command that has just made it."""

import fcntl
import os
import tempfile

from gdbench.inputs.writing import remove_leftovers, temporary_in


def test_a_file_that_another_command_is_about_to_remove_is_not_used(tmp_path, monkeypatch):
    made, mkstemp = [], tempfile.mkstemp

    def taken(**options):
        """The first file is locked by another command before its maker can lock it, as a leftover that is removed."""
        handle, name = mkstemp(**options)
        made.append(name)
        if len(made) == 1:
            other = os.open(name, os.O_RDWR)
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return handle, name

    monkeypatch.setattr(tempfile, "mkstemp", taken)
    with temporary_in(tmp_path) as path:
        assert len(made) == 2 and str(path) == made[1]
        remove_leftovers(tmp_path)  # by another command meanwhile
        assert path.exists()
    assert not path.exists()
