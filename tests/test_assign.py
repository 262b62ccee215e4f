import datetime as dt
from collections import Counter

import pytest

from consent.assign import Assigner, network
from consent.model import CONTROL, Experiment, Look, StoreConfig, Variant

DAY = dt.date(2026, 3, 2)
AGENT = b"Mozilla/5.0 (X11; Linux x86_64)"
VARIANTS = (Variant("box", banner=Look(layout="box")), Variant("dialog"))


def a_store(**plan) -> StoreConfig:
    experiment = Experiment(**{"key": "spring", "weight": 2, **plan})
    return StoreConfig("summit", "S", (), experiment=experiment, variants=VARIANTS)


def many(secret: str = "k" * 40, on: dt.date = DAY, **plan) -> list[str]:
    assigner, store = Assigner(secret), a_store(**plan)
    addresses = [f"81.{n // 256}.{n % 256}.7" for n in range(4000)]
    return [assigner.choose(store, on, address, AGENT) for address in addresses]


def test_variants_are_chosen_by_their_weights():
    found = Counter(many())
    assert found[CONTROL] == pytest.approx(2000, abs=130)
    assert found["box"] == pytest.approx(1000, abs=110)
    assert found["dialog"] == pytest.approx(1000, abs=110)


def test_workers_agree():
    assert many() == many()


@pytest.mark.parametrize(
    "changed",
    [{"secret": "n" * 40}, {"on": DAY + dt.timedelta(days=1)}, {"key": "autumn"}],
    ids=["secret", "day", "experiment"],
)
def test_nothing_follows_from_another_secret_day_or_experiment(changed):
    same = sum(a == b for a, b in zip(many(), many(**changed), strict=True))
    assert same == pytest.approx(4000 * (0.5**2 + 2 * 0.25**2), abs=160)


@pytest.mark.parametrize("address", ["81.2.{net}.{host}", "2a02:8100:{net:x}:{host}::1"])
def test_a_browser_keeps_its_variant_when_its_address_moves_within_its_network(address):
    assigner = Assigner("k" * 40)
    for net in range(20):
        every = (address.format(net=net, host=host) for host in range(9))
        assert len({assigner.choose(a_store(), DAY, one, AGENT) for one in every}) == 1


def test_no_address_is_no_error():
    assert network(None) == ""
    assert Assigner("k" * 40).choose(a_store(), DAY, None, AGENT)


@pytest.mark.parametrize(
    ("starts", "ends", "runs"),
    [
        (None, None, True),
        (DAY, None, True),
        (DAY + dt.timedelta(days=1), None, False),
        (None, DAY, False),
        (None, DAY + dt.timedelta(days=1), True),
    ],
    ids=["always", "today", "tomorrow", "over", "last day"],
)
def test_it_runs_from_its_first_day_until_the_day_it_ends(starts, ends, runs):
    store = a_store(starts=starts, ends=ends)
    assert bool(Assigner("k" * 40).choose(store, DAY, "81.2.69.160", AGENT)) is runs


def test_the_day_before_is_forgotten():
    assigner = Assigner("k" * 40)
    assigner.choose(a_store(), DAY, "81.2.69.160", AGENT)
    before = assigner._key
    assigner.choose(a_store(), DAY + dt.timedelta(days=1), "81.2.69.160", AGENT)
    assert before
    assert before not in vars(assigner).values()
