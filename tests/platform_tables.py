"""Prints what ``snippets/README.md`` has under "What each platform gets", from the platform files:
``python -m tests.platform_tables``.
"""

from __future__ import annotations

from consent.platforms import Platforms
from consent.platforms.sending import table

if __name__ == "__main__":
    print("\n".join(table(Platforms.load())))
