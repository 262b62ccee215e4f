"""What Summit Outdoor sells. Prices are euro cents."""

from __future__ import annotations

import msgspec


class Category(msgspec.Struct, frozen=True):
    key: str
    name: str
    line: str
    art: str


class Product(msgspec.Struct, frozen=True):
    """``art`` names a drawing in ``templates/art.html``; ``tone`` its colours there."""

    key: str
    category: str
    name: str
    kind: str
    cents: int
    art: str
    tone: str
    line: str
    text: str
    facts: tuple[tuple[str, str], ...]
    badge: str = ""

    @property
    def price(self) -> str:
        return euros(self.cents)


def euros(cents: int) -> str:
    return f"€{cents / 100:,.2f}"


CATEGORIES = {
    category.key: category
    for category in (
        Category("tents", "Tents", "Shelter that stays standing when the wind gets up.", "dome"),
        Category("packs", "Packs", "Carry less on your shoulders, more on your hips.", "pack"),
        Category("boots", "Boots", "Grip on the way up, cushion on the way down.", "boot"),
        Category("camp", "Camp", "Warm hands, hot food and a light to read by.", "lantern"),
    )
}

PRODUCTS = {
    product.key: product
    for product in (
        Product(
            "ridgeline-2",
            "tents",
            "Ridgeline 2",
            "Three-season tent",
            42_900,
            "dome",
            "ember",
            "Two people, two doors, 1.9 kilograms.",
            "A freestanding dome that goes up in four minutes, even with cold fingers. The fly "
            "reaches the ground on the windward side and rolls back to the stars on the other.",
            (
                ("Sleeps", "2"),
                ("Packed weight", "1.9 kg"),
                ("Floor", "215 × 130 cm"),
                ("Fly", "Recycled ripstop, 3\u202f000\u00a0mm"),
            ),
            "Bestseller",
        ),
        Product(
            "basecamp-4",
            "tents",
            "Basecamp 4",
            "Tunnel tent",
            68_900,
            "tunnel",
            "pine",
            "A porch to cook in and room for four.",
            "A tunnel with standing height in the middle and a porch big enough for four wet "
            "jackets. Colour-coded poles, so that the first night does not begin with an argument.",
            (
                ("Sleeps", "4"),
                ("Packed weight", "6.4 kg"),
                ("Height", "190 cm"),
                ("Fly", "Recycled polyester, 5\u202f000\u00a0mm"),
            ),
        ),
        Product(
            "nightjar-1",
            "tents",
            "Nightjar 1",
            "Trekking-pole tent",
            31_900,
            "pyramid",
            "sky",
            "One person, one pole, 740 grams.",
            "Your walking pole is its only pole. A pyramid sheds snow and wind alike, and packs "
            "down to the size of a water bottle.",
            (
                ("Sleeps", "1"),
                ("Packed weight", "740 g"),
                ("Floor", "225 × 90 cm"),
                ("Fly", "Silnylon, 2\u202f500\u00a0mm"),
            ),
            "New",
        ),
        Product(
            "talus-45",
            "packs",
            "Talus 45",
            "Trekking pack",
            21_900,
            "pack",
            "pine",
            "Three days of food without a sore shoulder.",
            "A frame that bends with you and a hip belt that does the carrying. Opens at the top "
            "and along the front, so the rain jacket is never at the bottom.",
            (
                ("Volume", "45 l"),
                ("Weight", "1.45 kg"),
                ("Back length", "43–53 cm"),
                ("Rain cover", "Included"),
            ),
            "Bestseller",
        ),
        Product(
            "switchback-28",
            "packs",
            "Switchback 28",
            "Day pack",
            11_900,
            "daypack",
            "sun",
            "For the day that turns into an evening.",
            "Light enough for a commute, tough enough for scree. Side pockets you can reach "
            "without taking it off.",
            (
                ("Volume", "28 l"),
                ("Weight", "820 g"),
                ("Back length", "One size"),
                ("Bottle pockets", "2"),
            ),
        ),
        Product(
            "cairn-65",
            "packs",
            "Cairn 65",
            "Expedition pack",
            28_900,
            "pack",
            "ember",
            "A week on your back, and room for the rope.",
            "Floating lid, compression straps that actually compress, and a haul loop that holds "
            "the whole load.",
            (
                ("Volume", "65 + 10 l"),
                ("Weight", "2.1 kg"),
                ("Back length", "45–58 cm"),
                ("Rain cover", "Included"),
            ),
        ),
        Product(
            "moraine-mid",
            "boots",
            "Moraine Mid",
            "Hiking boot",
            18_900,
            "boot",
            "earth",
            "Dry feet, steady ankles, no breaking in.",
            "Waxed leather over a waterproof lining, with a sole that bites on wet granite. "
            "Can be resoled twice, and should be.",
            (
                ("Weight, pair", "1.12 kg"),
                ("Upper", "Waxed nubuck"),
                ("Lugs", "4.5 mm"),
                ("Resoling", "Yes"),
            ),
            "Bestseller",
        ),
        Product(
            "scree-low",
            "boots",
            "Scree Low",
            "Approach shoe",
            13_900,
            "shoe",
            "sky",
            "Runs on the flat, sticks on the rock.",
            "Laces to the toe for a close fit, sticky rubber all round, and a mesh that dries "
            "before lunch.",
            (
                ("Weight, pair", "690 g"),
                ("Upper", "Recycled mesh"),
                ("Lugs", "3 mm"),
                ("Resoling", "Yes"),
            ),
        ),
        Product(
            "arete-high",
            "boots",
            "Arête High",
            "Mountaineering boot",
            32_900,
            "boot",
            "ember",
            "Stiff enough for crampons, warm enough for dawn.",
            "An insulated boot for glacier days, with welts at toe and heel and a cuff that lets "
            "the ankle roll.",
            (
                ("Weight, pair", "1.48 kg"),
                ("Upper", "Abrasion-proof weave"),
                ("Crampons", "Automatic"),
                ("Comfort", "to −20 °C"),
            ),
        ),
        Product(
            "polaris-lantern",
            "camp",
            "Polaris",
            "Camp lantern",
            5_900,
            "lantern",
            "sun",
            "Sixty hours of candle-coloured light.",
            "Warm white from a whisper to a room-filling glow. Charges by USB-C, and your phone "
            "from it when it matters.",
            (
                ("Light", "5–400 lumen"),
                ("Runs", "up to 60 h"),
                ("Weight", "240 g"),
                ("Water", "IPX7"),
            ),
        ),
        Product(
            "ember-stove",
            "camp",
            "Kindle",
            "Gas stove",
            7_900,
            "stove",
            "ember",
            "Half a litre to the boil in two minutes.",
            "A burner as wide as your pot and a pressure regulator, so the last of the gas boils "
            "as fast as the first.",
            (
                ("Boil, 0.5 l", "2:05 min"),
                ("Weight", "98 g"),
                ("Output", "2\u202f800\u00a0W"),
                ("Legs", "3"),
            ),
            "New",
        ),
        Product(
            "firn-300",
            "camp",
            "Firn 300",
            "Down sleeping bag",
            26_900,
            "bag",
            "sky",
            "Three hundred grams of down, minus five degrees.",
            "Responsibly sourced 800-fill down in baffles that keep it where you are. A hood that "
            "closes to a breathing hole.",
            (
                ("Comfort", "−1 °C"),
                ("Limit", "−5 °C"),
                ("Weight", "690 g"),
                ("Fits to", "185 cm"),
            ),
            "Back in stock",
        ),
    )
}


def of_category(key: str) -> list[Product]:
    return [product for product in PRODUCTS.values() if product.category == key]
