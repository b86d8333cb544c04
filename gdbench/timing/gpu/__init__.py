"""What a step costs on a GPU, beside what the card can do."""
