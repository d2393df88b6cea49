"""From scores to "automatic" or "to a person"."""
