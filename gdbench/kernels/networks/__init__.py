"""Multilayer perceptrons: what a layer and a loss compute, forward and backward."""
