"""What a study found becomes panels: one file a figure. A panel's name begins with the prefix of its study."""
