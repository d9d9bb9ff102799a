"""The three parts of any data."""

SPLITS = ("train", "val", "test")
