"""The demo: Summit Outdoor, a shop, beside the service, so that a newcomer can live the product.

``README.md`` in this folder says what is where.
"""

from consent.demo.serving import run

__all__ = ["run"]
