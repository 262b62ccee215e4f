"""The service behind a real nginx: its cache, and two nodes behind one proxy."""
