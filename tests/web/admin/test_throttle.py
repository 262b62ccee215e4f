from consent import accounts
from consent.errors import ThrottledError
from consent.web.admin.throttle import ADDRESS_TRIES, PAIR_TRIES, Throttle
from tests.conftest import Clock
from tests.web.admin.stage import NOW, sign_in


class TestThrottling:
    def test_the_sixth_wrong_try_has_to_wait_and_is_told_how_long(self, client, clock):
        for _ in range(PAIR_TRIES):
            assert sign_in(client, "owner@example.com", "wrong password").status_code == 401
        answer = sign_in(client, "owner@example.com")
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "900"
        assert "15 minutes" in answer.text
        clock.advance(seconds=900)
        assert sign_in(client, "owner@example.com").status_code == 303

    def test_the_owner_comes_in_from_elsewhere_all_the_while(self, client):
        attacker = {"X-Forwarded-For": "198.51.100.7"}
        for _ in range(PAIR_TRIES + 3):
            answer = sign_in(client, "owner@example.com", "wrong password", headers=attacker)
        assert answer.status_code == 429
        home = {"X-Forwarded-For": "203.0.113.9"}
        assert sign_in(client, "owner@example.com", headers=home).status_code == 303

    def test_a_right_password_clears_the_count(self, client):
        for _ in range(2):
            for _ in range(PAIR_TRIES - 1):
                sign_in(client, "owner@example.com", "wrong password")
            assert sign_in(client, "owner@example.com").status_code == 303

    def test_one_address_cannot_try_one_password_on_every_account(self):
        throttle = Throttle(lambda: NOW)
        refused = tries(throttle, [(f"user{n}@example.com", "198.51.100.7") for n in range(40)])
        assert refused == 10

    def test_an_ipv6_visitor_is_the_64_bit_network(self):
        throttle = Throttle(lambda: NOW)
        attempts = [("a@example.com", f"2001:db8::{n:x}") for n in range(20)]
        assert tries(throttle, attempts) == 15
        assert tries(throttle, [("a@example.com", "2001:db8:0:1::1")]) == 0

    def test_an_attack_from_many_addresses_locks_nobody_out(self, client):
        for n in range(70):
            attacker = {"X-Forwarded-For": f"2001:db8:{n:x}::1"}
            answer = sign_in(client, "owner@example.com", "wrong password", headers=attacker)
            assert answer.status_code == 401
        home = {"X-Forwarded-For": "203.0.113.9"}
        assert sign_in(client, "owner@example.com", headers=home).status_code == 303

    def test_who_is_known_in_a_browser_comes_in_past_an_attacker_behind_the_same_address(
        self, client
    ):
        victim, cookie = "owner@example.com", "pixelgate_known"
        known = sign_in(client, victim).cookies[cookie]
        client.cookies.clear()
        other = sign_in(client, "lex@example.com").cookies[cookie]
        client.cookies.clear()
        for n in range(ADDRESS_TRIES):
            sign_in(client, f"user{n}@example.com", "wrong password")
        for useless in ("", other, "forged.browser.cookie"):
            headers = {"Cookie": f"{cookie}={useless}"}
            assert sign_in(client, victim, headers=headers).status_code == 429
        headers = {"Cookie": f"{cookie}={known}"}
        assert sign_in(client, "lex@example.com", headers=headers).status_code == 429
        assert sign_in(client, victim, headers=headers).status_code == 303

    def test_a_known_browser_has_no_more_tries_than_any_other_and_opens_nothing(self, client):
        victim, cookie = "owner@example.com", "pixelgate_known"
        headers = {"Cookie": f"{cookie}={sign_in(client, victim).cookies[cookie]}"}
        client.cookies.clear()
        for _ in range(PAIR_TRIES):
            assert sign_in(client, victim, "wrong password", headers=headers).status_code == 401
        assert sign_in(client, victim, headers=headers).status_code == 429
        session = {"Cookie": headers["Cookie"].replace(cookie, "pixelgate_admin")}
        assert client.get("/admin/rates", headers=session).status_code == 303

    def test_known_and_unknown_accounts_cost_the_same_hash(self, client, monkeypatch):
        compared = []
        right = accounts.verify_password

        def verify(password, hashed):
            compared.append(hashed.rpartition("$")[0].rpartition("$")[0])
            return right(password, hashed)

        monkeypatch.setattr(accounts, "verify_password", verify)
        for email in ("owner@example.com", "nobody@example.com"):
            assert sign_in(client, email, "wrong password").status_code == 401
        assert compared[0] == compared[1] != ""

    def test_tries_from_one_ipv6_network_count_together(self, client):
        for n in range(PAIR_TRIES):
            near = {"X-Forwarded-For": f"2001:db8:7:7:{n:x}::1"}
            assert sign_in(client, "owner@example.com", "wrong", headers=near).status_code == 401
        assert sign_in(client, "owner@example.com", headers=near).status_code == 429
        far = {"X-Forwarded-For": "2001:db8:7:8::1"}
        assert sign_in(client, "owner@example.com", headers=far).status_code == 303

    def test_what_is_remembered_is_bounded_and_names_nobody(self):
        clock = Clock(NOW)
        throttle = Throttle(clock)
        for n in range(12_000):
            clock.advance(seconds=1)
            throttle.take(f"u{n}@example.com", f"10.{n // 60000}.{n // 250 % 250}.{n % 250}")
        assert len(throttle._tries) <= 20_000
        assert not any(b"example" in key for key in throttle._tries)


def tries(throttle: Throttle, attempts: list[tuple[str, str]]) -> int:
    """How many of the attempts were refused."""
    refused = 0
    for email, address in attempts:
        try:
            throttle.take(email, address)
        except ThrottledError as error:
            refused += error.retry_after_seconds > 0
    return refused
