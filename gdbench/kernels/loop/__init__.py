"""What the training loops of all problems share: which samples a step sees, and where a target is crossed."""
