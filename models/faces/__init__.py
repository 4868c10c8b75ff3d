"""Labelled renders of CC0 heads: the training set of the embedded default model."""
