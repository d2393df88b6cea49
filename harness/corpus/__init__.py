"""What a certificate is, and where it comes from."""
