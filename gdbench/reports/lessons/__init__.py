"""The lessons' figures, which textbooks draw too: a file each, from the frames that `gdbench.lessons` computes."""

from gdbench.reports.lessons.lesson import Frames, Lesson

__all__ = ["Frames", "Lesson"]
