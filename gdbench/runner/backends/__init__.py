"""What trains the trials of a run: threads of this process, the GPU, or the first of several that accepts a trial."""
