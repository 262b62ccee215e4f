"""A sitemap names pages, within bounds, and nothing else."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from consent.errors import RefusedError
from consent.fetch import MOST_BYTES, Fetched, Fetcher, sitemaps


def urlset(*addresses: str) -> bytes:
    urls = "".join(f"<url><loc> {one} </loc><priority>1</priority></url>" for one in addresses)
    space = "http://www.sitemaps.org/schemas/sitemap/0.9"
    return f'<?xml version="1.0"?><urlset xmlns="{space}">{urls}</urlset>'.encode()


class TestSitemaps:
    def test_its_pages_are_listed_once_each_also_out_of_gzip(self):
        found = sitemaps.read(
            gzip.compress(urlset("https://a.example/1", "https://a.example/1")), ""
        )
        assert found == (False, ("https://a.example/1",))
        assert sitemaps.looks_like_one(gzip.compress(b""))
        assert sitemaps.looks_like_one(urlset())
        assert not sitemaps.looks_like_one(b"<?xml version='1.0'?><html>")

    def test_a_title_of_an_image_is_no_page(self):
        text = urlset("https://a.example/1").replace(
            b"<priority>", b'<i:loc xmlns:i="urn:i">x</i:loc><priority>'
        )
        assert sitemaps.read(text, "").addresses == ("https://a.example/1",)

    def test_an_index_is_followed_once_and_within_bounds(self):
        index = urlset("http://a.example/s").replace(b"urlset", b"sitemapindex")
        index = index.replace(b"<url>", b"<sitemap>").replace(b"</url>", b"</sitemap>")
        read = sitemaps.read(index, "")
        assert read == (True, ("http://a.example/s",))

        def pages(inner: bytes) -> list[str]:
            class Stub(Fetcher):
                async def get(self, url, kinds=()):
                    return Fetched(url, "text/xml", inner, ())

            return asyncio.run(sitemaps.pages(Stub(), read, 2))

        every = [f"https://a.example/{n}" for n in range(5)]
        assert pages(urlset(*every)) == every[:2]
        with pytest.raises(RefusedError, match="an index in an index"):
            pages(index)

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b'<!DOCTYPE a [<!ENTITY b "c">]><urlset/>', "has a document type"),
            (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><urlset/>', "has a document type"),
            (b"<html/>", "is 'html'; expected urlset or sitemapindex"),
            (b"<urlset>", "is no XML"),
            (b"", "is no XML"),
            (b"<urlset>" + b"<a>" * 30, "is nested too deeply"),
            (urlset(*(f"https://a.example/{n}" for n in range(50_001))), "has too many addresses"),
            (gzip.compress(b"\0" * (MOST_BYTES + 1)), "too large"),
        ],
    )
    def test_what_is_none_is_refused(self, content, says):
        with pytest.raises(RefusedError, match=says):
            sitemaps.read(content, "s.xml")

    def test_it_speaks_of_its_own_host_alone(self):
        listed = ["https://a.example/1", "https://b.example/2", "http://[bad"]
        assert sitemaps.on_host(listed, "https://A.example/sitemap.xml") == listed[:1]
