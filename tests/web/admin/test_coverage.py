import pytest

from consent.web.admin.coverage import money
from tests.web.admin.stage import HERE, rows, sign_in, soup


@pytest.mark.parametrize(
    ("n", "currency", "told"),
    [
        (129_900, "EUR", "€130"),
        (99_900, "EUR", "€99.90"),
        (1_240_000, "USD", "$1,240"),
        (12_000, "JPY", "¥12.00"),
        (5_000_000_000, "CHF", "CHF\xa05,000,000"),
    ],
)
def test_money_reads_as_people_write_it(n, currency, told):
    assert money(n, currency) == told


class TestCoverage:
    def test_the_first_line_says_what_reached_the_platform_that_lost_most(self, signed_in):
        client = signed_in("mia@example.com")
        page = soup(client.get("/admin/coverage?store=summit"))
        first = page.find(class_="headline").get_text(" ", strip=True)
        found = client.get("/admin/coverage.json?store=summit").json()["sums"]
        worth: dict[str, list[int]] = {}
        for line in found:
            if line["currency"] == "EUR":
                got = line["n"] if line["reached"] in ("sent", "limited") else 0
                whole = worth.setdefault(line["platform"], [0, 0])
                whole[0] += line["n"]
                whole[1] += got
        most = max(worth, key=lambda key: worth[key][0] - worth[key][1])
        whole, got = worth[most]
        names = {"meta": "Meta", "ga4": "Google Analytics 4", "google-ads": "Google Ads"}
        assert first.startswith(f"{got / whole * 100:.0f} % of what purchases were worth reached")
        assert names[most] in first
        assert first.endswith(f"({money(got, 'EUR')} of {money(whole, 'EUR')})")
        assert "as visitors declined" in page.find(class_="lead").text

    def test_the_parts_of_every_line_add_up(self, signed_in):
        page = soup(signed_in("mia@example.com").get("/admin/coverage?store=summit"))
        lines = page.find(id="events").find_parent("section").select("tbody tr")
        assert len(lines) == 3
        for line in lines:
            numbers = [cell.small.text if cell.small else cell.text for cell in line("td")[1:]]
            whole, *parts = (int(text.strip().replace(",", "")) for text in numbers)
            assert sum(parts) == whole

    def test_another_platform_can_be_looked_at_and_the_csv_has_the_sums(self, signed_in):
        client = signed_in("mia@example.com")
        page = soup(client.get("/admin/coverage?store=summit"))
        link = page.find("nav", {"aria-label": "Platform"}).find("a", string="Google Analytics 4")
        other = soup(client.get(link["href"]))
        assert other.find(id="places").text == "Google Analytics 4: by region"
        lines = rows(client.get(other.find("a", download=True)["href"]).text)
        total = sum(
            int(line["n"]) for line in lines if line["platform"] == "ga4" and not line["currency"]
        )
        cells = other.find(id="places").find_parent("section").select("td[data-label=Events]")
        assert sum(int(cell.text.replace(",", "")) for cell in cells) == total

    def test_a_platform_that_was_never_counted_is_not_there(self, signed_in):
        answer = signed_in("mia@example.com").get("/admin/coverage?platform=%3Cb%3E")
        assert answer.status_code == 404
        assert "<b>" not in answer.text

    def test_a_store_that_does_not_count_can_be_switched_on_and_is_not_live_by_that(
        self, empty_client
    ):
        sign_in(empty_client, "owner@example.com")
        page = soup(empty_client.get("/admin/coverage"))
        form = page.find("form", action="/admin/stores/summit/coverage")
        assert form.button.text == "Count it for Summit Outdoor"
        answer = empty_client.post(
            form["action"], data={"on": "1"}, headers=HERE, follow_redirects=False
        )
        assert answer.headers["location"] == "/admin/stores/summit/pixels"
        assert "coverage" in empty_client.get(answer.headers["location"]).text
        assert not empty_client.app.services.current("summit").config.coverage

    def test_who_may_not_look_or_change_does_not(self, signed_in):
        assert signed_in("lex@example.com").get("/admin/coverage").status_code == 403
        client = signed_in("mia@summit.example")
        assert client.get("/admin/coverage?store=harbor").status_code == 404
        answer = client.post(
            "/admin/stores/harbor/coverage", data={"on": "1"}, headers=HERE, follow_redirects=False
        )
        assert answer.status_code == 404
