import pytest

from consent.web import signals


@pytest.mark.parametrize(
    ("agent", "hint", "device"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Mobile/15E148 Safari", None, "phone"),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/140 Mobile Safari", None, "phone"),
        ("Mozilla/5.0 (Linux; Android 15; SM-X910) Chrome/140 Safari", None, "tablet"),
        ("Mozilla/5.0 (iPad; CPU OS 18_0) Mobile/15E148 Safari", None, "tablet"),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/140 Safari", None, "desktop"),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/140 Safari", "?1", "phone"),
        ("", None, "desktop"),
    ],
)
def test_a_device_is_one_of_three_words(agent, hint, device):
    headers = [(b"user-agent", agent.encode())]
    if hint:
        headers.append((b"sec-ch-ua-mobile", hint.encode()))
    assert signals.device({"headers": headers}) == device


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        (b"gzip, deflate, br, zstd", "br"),
        (b"gzip, zstd", "zstd"),
        (b"br;q=0, gzip", "gzip"),
        (b"GZIP;q=0.1", "gzip"),
        (b"*", "identity"),
        (b"br;q=nan", "identity"),
        (b"", "identity"),
    ],
)
def test_the_smallest_encoding_that_is_taken_is_used(accepted, encoding):
    assert signals.encoding(accepted) == encoding


def test_a_hostile_query_is_no_language():
    assert signals.query(b"&".join([b"a=1"] * 1000)) == signals.Query()
    assert len(signals.query(b"l=" + b"x" * 5000).language) == 64
    assert len(signals.query(b"x" * 5000 + b",true").language) == 64
    assert signals.query(b"l=de&v=99999999999").version == 0
    assert signals.query(b"l=de&v=-1").version == 0


def test_snippet_and_loader_say_language_decision_and_version():
    assert signals.query(b"pt-BR,false") == ("pt-BR", True, 0)
    assert signals.query(b",true") == ("", False, 0)
    assert signals.query(b"l=de&c=false") == ("de", True, 0)
    assert signals.query(b"l=de&v=3") == ("de", False, 3)
    assert signals.query(b"de,3") == ("de", False, 3)
    assert signals.query(b"de,false&b=17") == ("de", True, 0)
