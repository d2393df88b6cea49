"""What the families on PyTorch share: base models, tokens, training, adaptation."""
