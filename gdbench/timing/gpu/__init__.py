"""What a step costs on a GPU, beside what the GPU can do."""
