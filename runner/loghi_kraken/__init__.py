"""Exported Loghi models inside kraken 7, through its plug-in system, on PyTorch: no TensorFlow is needed."""
