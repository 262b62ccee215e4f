"""Pixelgate: consent management and tag firing, self-hosted."""

__version__ = "0.1.0"
