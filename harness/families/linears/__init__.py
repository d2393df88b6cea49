"""What the family *linear* is made of: its features and its solver."""
