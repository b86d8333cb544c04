"""What `import gdbench` offers: runs, single descents, and the history of a store."""
