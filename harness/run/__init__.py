"""The run folder: the only owner of its paths, rows, cached predictions and lock."""
