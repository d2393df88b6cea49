"""What the networks on TensorFlow share: training, layers, losses, and what they read of texts."""
