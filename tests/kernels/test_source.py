"""The hash of the kernels' source does not depend on the system that checked it out."""

import subprocess
from pathlib import Path

import pytest

from gdbench.kernels.compile.source import hash_files

SOURCE = 'def f():\n    return """one\ntwo"""\n'


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_do_not_change_a_hash(end, tmp_path):
    hashes = []
    for folder, content in (("ours", SOURCE), ("theirs", SOURCE.replace("\n", end))):
        (tmp_path / folder / "b").mkdir(parents=True)
        files = [tmp_path / folder / name for name in ("a.py", "b/c.py")]
        for file in files:
            file.write_bytes(content.encode())
        hashes.append(hash_files(files, tmp_path / folder))
    assert hashes[0] == hashes[1]
    namespaces = [{}, {}]
    for namespace, content in zip(namespaces, (SOURCE, SOURCE.replace("\n", end)), strict=True):
        exec(compile(content.encode(), "f", "exec"), namespace)
    assert namespaces[0]["f"]() == namespaces[1]["f"]()


def test_a_hash_depends_on_names_and_contents_and_not_on_their_order(tmp_path):
    for name in ("a.py", "B.py"):
        (tmp_path / name).write_text(SOURCE)
    first, second = tmp_path / "a.py", tmp_path / "B.py"
    whole = hash_files([first, second], tmp_path)
    assert hash_files([second, first], tmp_path) == whole != hash_files([first], tmp_path)
    second.write_text(SOURCE + "#")
    assert hash_files([first, second], tmp_path) != whole


def test_a_checkout_has_our_line_ends_wherever_it_is_made(tmp_path):
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        pytest.skip("this is no checkout")
    clone = ["git", "clone", "--quiet", "-c", "core.autocrlf=true", "-c", "advice.detachedHead=false"]
    subprocess.run([*clone, str(root), str(tmp_path / "clone")], check=True)
    files = [file for file in (tmp_path / "clone").rglob("*") if file.is_file() and ".git" not in file.parts]
    assert len(files) > 100 and not [file for file in files if b"\r\n" in file.read_bytes()]
