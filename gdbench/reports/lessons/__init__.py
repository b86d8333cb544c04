"""Lessons: what textbooks draw. A figure a file, from frames alone; `gdbench.lessons` computes the frames."""

from gdbench.reports.lessons.lesson import Frames, Lesson

__all__ = ["Frames", "Lesson"]
