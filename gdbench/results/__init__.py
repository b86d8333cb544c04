"""What a result is: metrics and their direction, curves, and when a curve reached a target."""
