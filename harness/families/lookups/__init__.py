"""What the family *dictionary* is made of: keys, entries, neighbours, and how their answers become probabilities."""
