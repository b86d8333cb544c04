"""Two installed places side by side: each runs a suite in processes of its own, and their steps are timed together."""
