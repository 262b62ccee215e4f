"""What runs in the visitor's browser: sources in ``src``, built files in ``dist``."""
