"""Pure functions of arrays; the definitions of record stand in their docstrings."""
