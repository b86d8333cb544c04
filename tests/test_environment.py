"""What `gdbench.environment` tells of a machine that is not this one."""

import pytest

from gdbench.environment import spread, usable_set

SIBLINGS = {
    "halves": ["0,4", "1,5", "2,6", "3,7"] * 2,  # the second threads have the numbers behind all first ones
    "pairs": ["0-1", "0-1", "2-3", "2-3", "4-5", "4-5", "6-7", "6-7"],
    "single": [str(number) for number in range(8)],
}


@pytest.mark.parametrize(
    ("machine", "usable", "order"),
    [
        ("halves", range(8), [7, 6, 5, 4, 3, 2, 1, 0]),
        ("halves", [0, 3, 4, 5], [5, 4, 3, 0]),
        ("pairs", range(8), [7, 5, 3, 1, 6, 4, 2, 0]),
        ("pairs", [0, 1, 2, 3, 6], [6, 3, 1, 2, 0]),
        ("single", range(8), [7, 6, 5, 4, 3, 2, 1, 0]),
        ("untold", range(8), [7, 6, 5, 4, 3, 2, 1, 0]),
    ],
)
def test_every_core_comes_once_before_a_second_thread_of_any(machine, usable, order, tmp_path):
    for number, siblings in enumerate(SIBLINGS.get(machine, [])):
        folder = tmp_path / f"cpu{number}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{siblings}\n")
    assert spread(list(usable), tmp_path) == order


def test_this_machine_has_each_processor_once():
    assert sorted(spread(usable_set())) == usable_set()
