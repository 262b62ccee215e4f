import datetime as dt
import itertools

import pytest

from consent import counts
from consent.web.admin import periods, plot
from tests.web.admin.stage import HOSTILE, NOW, ORIGIN, rows, sign_in, soup, write


class TestRates:
    def test_the_first_line_says_how_many_declined_where_most_came_from(self, signed_in):
        page = soup(signed_in("mia@example.com").get("/admin/rates"))
        first = page.find(class_="headline").get_text(" ", strip=True)
        assert first == "38 % of visits in Germany declined (3,163 of 8,320)"
        second = page.find(class_="headline").find_next("p").text
        assert "of 29,849 visits" in second
        assert "the 30 days before" in second

    def test_the_first_line_can_be_checked_in_the_table(self, signed_in):
        page = soup(signed_in("mia@example.com").get("/admin/rates"))
        row = page.select("table.regions tbody tr")[0]
        cells = {cell.get("data-label"): cell for cell in row.find_all("td")}
        assert row.th.text == "Germany"
        counts_ = f"({cells['Declined'].small.text} of {cells['Visits'].text})"
        assert page.find(class_="headline").small.text == counts_

    def test_a_country_that_is_counted_by_its_parts_has_a_row_with_their_sum(self, empty_client):
        declined = counts.Key(1, counts.hour_of(NOW), "", "eea", "phone", "de", 1, "declined")
        parts = {"US": 1, "US-CA": 20, "US-TX": 30, "DE-BE": 7, "DE": 11}
        deltas = {declined._replace(place=place): n for place, n in parts.items()}
        write(empty_client, lambda c: counts.add(c, deltas))
        sign_in(empty_client, "owner@example.com")
        page = soup(empty_client.get("/admin/rates"))
        found = [
            (row.th.get_text("|"), row.find("td", {"data-label": "Visits"}).text)
            for row in page.select("table.regions tbody tr")
        ]
        assert found == [
            ("United States|sum of 3 places", "51"),
            ("Texas|United States", "30"),
            ("California|United States", "20"),
            ("United States", "1"),
            ("Germany|sum of 2 places", "18"),
            ("Germany", "11"),
            ("Germany|DE-BE", "7"),
        ]
        headline = page.find(class_="headline").get_text(" ", strip=True)
        assert headline == "100 % of visits in the United States declined (51 of 51)"

    def test_what_visitors_took_back_or_changed_later_is_told_apart(self, signed_in):
        client = signed_in("mia@example.com")
        total = rows(client.get("/admin/rates.csv?days=90").text)[0]
        note = soup(client.get("/admin/rates?days=90")).find(class_="under-tiles").text
        assert int(total["withdrawn"]) > 1
        told = f"{total['withdrawn']} withdrawals and {total['changed']} later changes of a choice"
        assert told in note
        assert "a decision whose banner was not counted counts too" in note

    def test_the_unknown_place_has_a_key_in_the_csv(self, signed_in):
        lines = rows(signed_in("mia@example.com").get("/admin/rates.csv").text)
        unknown = [line for line in lines if line["key"] == "unknown" and line["by"] != "regime"]
        assert [(line["by"], line["name"]) for line in unknown] == [
            ("country", "Unknown place"),
            ("place", "Unknown place"),
        ]
        assert [line["by"] for line in lines if not line["key"]] == ["all"]

    def test_a_rate_never_stands_without_its_counts(self, signed_in):
        page = soup(signed_in("mia@example.com").get("/admin/rates?store=summit"))
        tiles = page.find("ul", class_="tiles").find_all("li")
        names = [tile.h2.text.strip() for tile in tiles]
        assert names == ["Visits shown", "Accepted", "Declined", "Partly", "No choice", "GPC"]
        for tile in tiles[1:]:
            n, of = tile.find(class_="counts").text.replace(",", "").split(" of ")
            assert tile.find(class_="big").text.endswith("%")
            assert 0 < int(n) < int(of)
        for cell in page.select("table.regions td.number"):
            if "%" in cell.text:
                assert cell.small.text.replace(",", "").isdigit()

    def test_the_parts_of_every_line_add_up_to_its_visits(self, signed_in):
        lines = rows(signed_in("mia@example.com").get("/admin/rates.csv?days=90").text)
        parts = ("accepted", "partly", "declined", "closed", "gpc", "no_choice")
        assert {line["by"] for line in lines} == {"all", "day", "country", "place", "regime"}
        for line in lines:
            assert sum(int(line[part]) for part in parts) >= int(line["visits"]) >= 0
        days = [line for line in lines if line["by"] == "day"]
        assert len(days) == 90
        assert sum(int(day["shown"]) for day in days) == int(lines[0]["shown"])

    def test_few_visits_are_shown_as_counts_and_not_as_a_rate(self, signed_in):
        page = soup(signed_in("mia@example.com").get("/admin/rates?days=7&store=summit"))
        line = next(row for row in page.find_all("tr") if row.th and row.th.text == "Iceland")
        assert "%" not in line.text
        assert "3" in line.text

    def test_each_place_is_named_with_its_regime(self, signed_in):
        page = soup(signed_in("mia@example.com").get("/admin/rates?store=summit"))
        found = {}
        for row in page.select("table.regions tbody tr"):
            country = row.th.small.text if row.th.small else ""
            name = row.th.text.removesuffix(country)
            found[name] = (country, row.td.text.removesuffix(row.td.small.text), row.td.small.text)
        assert found["California"] == ("United States", "California", "opt-out")
        assert found["Germany"][2] == "opt-in"
        assert found["Unknown place"][2] == "opt-in"

    def test_the_plot_is_readable_without_eyes_and_has_its_numbers_beside_it(self, signed_in):
        page = soup(signed_in("mia@example.com").get("/admin/rates?days=7"))
        for svg in page.select("svg.plot"):
            assert svg["role"] == "img"
            ids = svg["aria-labelledby"].split()
            assert [page.find(id=id_).name for id_ in ids] == ["title", "desc"]
            assert len(svg.select("g.column")) == 7
        numbers = page.find("div", {"aria-label": "Numbers of each day"})
        assert len(numbers.tbody.find_all("tr")) == 7

    def test_the_csv_has_the_numbers_of_the_page(self, signed_in):
        client = signed_in("mia@example.com")
        address = "/admin/rates?store=summit&from=2026-11-01&until=2026-11-10"
        page = soup(client.get(address))
        answer = client.get(page.find("a", download=True)["href"])
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        name = "decline-rates-summit-2026-11-01-2026-11-10.csv"
        assert name in answer.headers["content-disposition"]
        lines = rows(answer.text)
        assert len([line for line in lines if line["by"] == "day"]) == 10
        declined = page.find("ul", class_="tiles").find_all("li")[2].find(class_="counts").text
        assert declined == f"{int(lines[0]['declined']):,} of {int(lines[0]['visits']):,}"

    @pytest.mark.parametrize(
        ("query", "told"),
        [
            ("days=9999", "Days: found &#39;9999&#39;; expected 7, 30 or 90."),
            ("days=x", "expected 7, 30 or 90."),
            ("days=7&from=2026-11-20", "Days: found beside from and until"),
            ("from=yesterday", "From: found &#39;yesterday&#39;; expected a day such as"),
            ("from=2026-13-01&until=2026-11-10", "From: found &#39;2026-13-01&#39;"),
            ("from=2026-11-20&until=2026-11-10", "Until: 2026-11-10 is before 2026-11-20"),
            ("from=0001-01-01&until=9999-12-31", "until: found &#39;9999-12-31&#39;"),
            ("from=2000-01-01", "expected 400 or fewer."),
            ("from=2026-11-24", "From: 2026-11-24 has not come yet"),
            ("until=2026-11-10", "From: missing"),
        ],
    )
    @pytest.mark.parametrize("page", ["rates", "rates.csv"])
    def test_a_period_that_cannot_be_kept_to_is_refused_in_words(
        self, signed_in, page, query, told
    ):
        answer = signed_in("mia@example.com").get(f"/admin/{page}?{query}")
        assert answer.status_code == 400
        assert told in answer.text
        assert "declined" not in answer.text.lower().replace("decline rates", "")

    @pytest.mark.parametrize("query", ["plot=%3Cscript%3E", "store=", "days=&from=&until="])
    def test_an_empty_part_of_an_address_changes_nothing(self, signed_in, query):
        page = soup(signed_in("mia@example.com").get(f"/admin/rates?{query}"))
        assert "30 days" in page.find("nav", {"aria-label": "Period"}).find(
            attrs={"aria-current": "true"}
        )

    @pytest.mark.parametrize(
        ("query", "told"),
        [
            ("by=age", "By: found &#39;age&#39;; expected place, regime, device, language"),
            ("by=version", "By: version, which counts within one store"),
            (
                "step=hour",
                "Step: hour, of a longer period or an old one; expected 7 days or fewer of",
            ),
            (
                "step=hour&from=2025-10-01&until=2025-10-02",
                "expected 7 days or fewer of the last 92.",
            ),
            ("step=second", "Step: found &#39;second&#39;"),
            ("version=1", "Version: found &#39;1&#39;; expected a number, and a store."),
            ("version=x&store=summit", "Version: found &#39;x&#39;"),
        ],
    )
    def test_what_cannot_be_grouped_is_refused_in_words(self, signed_in, query, told):
        answer = signed_in("mia@example.com").get(f"/admin/rates?{query}")
        assert answer.status_code == 400
        assert told in answer.text

    def test_one_part_alone_is_named_kept_and_taken_back(self, signed_in):
        client = signed_in("mia@example.com")
        page = soup(client.get("/admin/rates?store=summit&days=90"))
        wanted = next(a for a in page.select("table.regions a") if a.text == "California")
        page = soup(client.get(wanted["href"]))
        assert [row.th.a.text for row in page.select("table.regions tbody tr")] == [
            "United States",
            "California",
        ]
        chip = page.select_one(".only-these li")
        assert chip.span.text == "Region: California"
        by_device = page.find("nav", {"aria-label": "Grouped by"}).find("a", string="Device")
        devices = soup(client.get(by_device["href"]))
        assert [row.th.a.text for row in devices.select("table.regions tbody tr")] == ["Phone"]
        assert devices.find(class_="only-these") is not None
        total = devices.find("ul", class_="tiles").find(class_="big").text
        assert total == page.find("ul", class_="tiles").find(class_="big").text
        back = soup(client.get(chip.a["href"]))
        assert back.find(class_="only-these") is None
        assert len(back.select("table.regions tbody tr")) > 10

    @pytest.mark.parametrize("by", ["place", "regime", "device", "language", "store"])
    def test_every_grouping_adds_up_to_the_same_visits(self, signed_in, by):
        found = signed_in("mia@example.com").get(f"/admin/rates.json?by={by}&days=90").json()
        assert sum(group["visits"] for group in found["groups"]) == found["total"]["visits"]
        assert found["by"] == by

    @pytest.mark.parametrize(("step", "columns"), [("hour", 162), ("day", 7), ("week", 2)])
    def test_the_plot_has_the_steps_that_were_asked_for(self, signed_in, step, columns):
        page = soup(signed_in("mia@example.com").get(f"/admin/rates?days=7&step={step}"))
        assert len(page.select_one("svg.plot").select("g.column")) == columns
        assert page.select_one(".numbers summary").text == f"The numbers of each {step}"

    def test_the_json_has_the_numbers_of_the_page_and_their_intervals(self, signed_in):
        client = signed_in("mia@example.com")
        found = client.get("/admin/rates.json?store=summit&days=30").json()
        page = soup(client.get("/admin/rates?store=summit&days=30"))
        declined = found["total"]["outcomes"]["declined"]
        assert 0 < declined["low"] < declined["share"] < declined["high"] < 1
        tile = page.find("ul", class_="tiles").find_all("li")[2]
        assert tile.find(class_="counts").text == f"{declined['n']:,} of {declined['of']:,}"
        low, high = (f"{declined[end] * 100:.1f}" for end in ("low", "high"))
        assert tile.find(class_="interval").text in (
            f"{low}–{high} %",
            f"{float(low):.0f}–{float(high):.0f} %",
        )

    def test_a_store_is_told_what_others_are_used_to(self, signed_in):
        page = soup(signed_in("mia@example.com").get("/admin/rates"))
        lead = page.find(class_="headline").find_next("p").text
        assert "Where visitors are asked first, " in lead
        assert "European stores typically tell of 20 to 40 %." in lead

    def test_a_quiet_period_says_that_nothing_was_counted(self, signed_in):
        address = "/admin/rates?from=2020-01-01&until=2020-02-01"
        page = soup(signed_in("mia@example.com").get(address))
        assert page.find(class_="headline").text.strip() == "No visits in this period"

    def test_an_empty_store_shows_the_snippet_to_paste(self, empty_client):
        sign_in(empty_client, "owner@example.com")
        page = soup(empty_client.get("/admin/rates"))
        assert page.find(id="empty-title").text == "No visitor yet"
        snippet = page.find("pre").text
        assert snippet == empty_client.app.services.composer.snippet("summit", ORIGIN)
        assert snippet.startswith("<script>")

    def test_a_first_visitor_is_told_without_a_rate(self, empty_client):
        key = counts.Key(1, counts.hour_of(NOW), "DE", "eea", "phone", "de", 1, "visit")
        declined = key._replace(measure="declined")
        write(empty_client, lambda c: counts.add(c, {key: 2, declined: 1}))
        sign_in(empty_client, "owner@example.com")
        page = soup(empty_client.get("/admin/rates"))
        headline = page.find(class_="headline").get_text(" ", strip=True)
        assert headline == "1 of 2 visits declined so far"
        assert "%" not in page.find("ul", class_="tiles").text


class TestPeriods:
    def test_the_period_before_has_the_same_hours(self):
        period = periods.read({"days": "7"}, NOW)
        assert (period.first, period.last) == (dt.date(2026, 11, 17), dt.date(2026, 11, 23))
        since, until = period.before
        assert until - since == period.until - period.since
        assert period.since - since == dt.timedelta(days=7)

    def test_days_that_have_not_come_are_left_out(self):
        period = periods.read({"from": "2026-11-20", "until": "2027-11-20"}, NOW)
        assert period.last == dt.date(2026, 11, 23)


class TestPlot:
    @pytest.mark.parametrize("top", [0, 1, 3, 7, 9, 10, 24, 99, 100, 1640, 999_999])
    def test_a_scale_is_round_and_high_enough(self, top):
        ticks = plot.scale(top)
        assert ticks[0] == 0
        assert ticks[-1] >= top
        assert 2 <= len(ticks) <= 7
        assert len({b - a for a, b in itertools.pairwise(ticks)}) == 1

    def test_texts_in_a_plot_are_escaped(self):
        column = plot.Column(HOSTILE, HOSTILE, (1,))
        svg = plot.stacked(
            [column], ["a"], title=HOSTILE, desc=HOSTILE, as_share=False, frame=plot.WIDE
        )
        assert "<script" not in svg
        assert "<img" not in svg
