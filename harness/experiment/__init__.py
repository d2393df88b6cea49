"""The pipeline over a run as stages, each skipping what is done."""
