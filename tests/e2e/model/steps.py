"""What a visitor, an operator and the days do. A step is text, so that it can be run again.

A step that is not possible where it comes does nothing. With ``!`` at its end, the next one does
not wait for what follows from it.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Error

from tests.e2e.model.places import PLACES
from tests.e2e.model.servers import parameters
from tests.e2e.model.stores import CONFIGS
from tests.e2e.model.truth import PURPOSES, Act
from tests.e2e.model.world import Event, World

Step = Callable[[World, list[str]], None]
Choice = tuple[list[str], list[str]]
"""The purposes granted, and the platforms refused one by one."""
NOTHING: Choice = ([], [])
VISITED = ("/", "/product", "/product", "/thanks", "/app", "/privacy")
NAMES = ("AddToCart", "Lead", "InitiateCheckout", "Size chosen")
SHOWN = """
const host = document.querySelector('#pixelgate');
const root = host && host.shadowRoot;
const all = (selector) => root ? [...root.querySelectorAll(selector)] : [];
const second = () => all('[role="dialog"]').find((one) => one.querySelector('[data-purpose]'));
const seen = (one) => one.checkVisibility() && !one.disabled;
const first = (action) => all(`[data-action="${action}"]`)
  .find((one) => seen(one) && !(second() && second().contains(one)));
const until = async (found, ms) => {
  for (const end = performance.now() + ms; performance.now() < end; ) {
    if (found()) return true;
    await new Promise((done) => setTimeout(done, 10));
  }
  return false;
};
"""
PRESS_FIRST = f"(action) => {{ {SHOWN} const b = first(action); if (b) b.click(); return !!b }}"
OPEN_SECOND = f"""async (ms) => {{ {SHOWN}
  if (!root) return false;
  if (!second()) (first('choose') || {{ click: () => pixelgate('show') }}).click();
  return until(second, ms);
}}"""
PRESS_SECOND = f"""(action) => {{ {SHOWN}
  const b = second() && [...second().querySelectorAll(`[data-action="${{action}}"]`)].find(seen);
  if (b) b.click();
  return !!b;
}}"""
CHOOSE_AND_SAVE = f"""([wanted, without]) => {{ {SHOWN}
  if (!second()) return null;
  const purposes = {list(PURPOSES)};
  const of = (purpose) => second().querySelector(`[data-purpose="${{purpose}}"]`);
  for (const purpose of purposes) {{
    const box = of(purpose);
    if (!box.disabled && box.checked != wanted.includes(purpose)) box.click();
  }}
  const boxes = (platform) => [...second().querySelectorAll(`[data-pixel="${{platform}}"]`)];
  for (const platform of without) {{
    const box = boxes(platform).find((one) => one.checked && !one.disabled);
    if (box) box.click();
  }}
  const granted = purposes.filter((purpose) => of(purpose).checked);
  const platforms = [...second().querySelectorAll('[data-pixel]')].map((one) => one.dataset.pixel);
  const refused = platforms.filter((platform) => boxes(platform).every((box) => !box.checked));
  second().querySelector('[data-action="save"]').click();
  return [granted, refused];
}}"""
CLOSE_SECOND = f"""() => {{ {SHOWN}
  const b = second() && second().querySelector('[data-action="close"]');
  if (b) b.click();
}}"""
PARSED = """() => new Promise((done) => {
  if (document.readyState == 'loading') addEventListener('DOMContentLoaded', () => done());
  else done();
})"""
REGRETTED = "regretted at"
REGRET = f"""() => {{ {SHOWN}
  const library = () => document.querySelector('script[src*="facebook"], script[src*="gtag"]');
  if (!root || library()) return false;
  window.regret = () => {{
    console.debug('{REGRETTED}', performance.timeOrigin + performance.now());
    pixelgate('withdraw');
  }};
  new MutationObserver((found, observer) => {{
    if (!library()) return;
    observer.disconnect();
    setTimeout(() => window.regret && window.regret(), 10);
  }}).observe(document.head, {{ childList: true }});
  return true;
}}"""
WITHDRAW = f"() => {{ {SHOWN} if (root) pixelgate('withdraw'); return !!root }}"


def perform(world: World, text: str) -> None:
    """One step, and what follows from it."""
    name, *words = text.removesuffix("!").split()
    if world.restless and name in (*AROUND, *UNFELT):
        world.settle()
    STEPS[name](world, words)
    world.restless = text.endswith("!")
    if world.restless:
        world.note_events()
    elif name not in UNFELT:
        world.settle()


def _visit(world: World, words: list[str]) -> None:
    _navigate(
        world, lambda: world.tab.page.goto(world.stage.shop.origin + words[0], wait_until="commit")
    )
    _loaded(world)


def _reload(world: World, words: list[str]) -> None:
    _navigate(world, lambda: world.tab.page.reload(wait_until="commit"))
    _loaded(world)


def _back(world: World, words: list[str]) -> None:
    _navigate(world, lambda: world.tab.page.go_back(wait_until="commit"))
    if world.doc() is None:  # before the shop's first page
        _navigate(world, lambda: world.tab.page.go_forward(wait_until="commit"))
    _loaded(world)


def _forward(world: World, words: list[str]) -> None:
    _navigate(world, lambda: world.tab.page.go_forward(wait_until="commit"))
    _loaded(world)


def _navigate(world: World, go: Callable[[], object]) -> None:
    """A page that loads itself anew meanwhile may come first. What a page holds it loses here."""
    left = world.doc()
    for event in world.events.values():
        event.sure = event.sure and event.doc is not left
    try:
        go()
    except Error as error:
        if "interrupted" not in str(error) and "ERR_ABORTED" not in str(error):
            raise


def _loaded(world: World) -> None:
    world.ask(PARSED)


def _track(world: World, words: list[str]) -> None:
    _tracked(world, " ".join(words), "")


def _push(world: World, words: list[str]) -> None:
    _tracked(world, "PageView", "history.pushState(null, '', '/app/' + Math.random());")


def _hash(world: World, words: list[str]) -> None:
    _tracked(world, "Lead", "location.hash = Math.random();")


def _tracked(world: World, name: str, before: str) -> None:
    doc = world.doc()
    if doc is None:
        return
    begin, id_ = time.monotonic(), world.stage.shop.event_id()
    script = f"([name, given]) => {{ {before} pixelgate('track', name, given); return true }}"
    sure = world.ask(script, given=[name, parameters(name, id_)])
    world.events[id_] = Event(id_, name, doc, begin, time.monotonic(), sure=bool(sure))


def _accept(world: World, words: list[str]) -> None:
    _press(world, "accept", list(PURPOSES))


def _reject(world: World, words: list[str]) -> None:
    _press(world, "reject", [])


def _close(world: World, words: list[str]) -> None:
    """The cross of the first layer, where there is one; it refuses."""
    world.ask(CLOSE_SECOND)
    _act(world, "close", lambda: world.ask(PRESS_FIRST, given="close"), NOTHING)


def _press(world: World, action: str, granted: list[str]) -> None:
    choice = (granted, NOTHING[1])
    first = _act(world, action, lambda: world.ask(PRESS_FIRST, given=action), choice)
    if not first and _second(world):
        _act(world, action, lambda: world.ask(PRESS_SECOND, given=action), choice)


def _choose(world: World, words: list[str]) -> None:
    wanted = [word for word in words if word in PURPOSES]
    without = words[words.index("without") + 1 :] if "without" in words else []
    if _second(world):
        given = (wanted, without)
        _act(world, "save", lambda: world.ask(CHOOSE_AND_SAVE, given=given), given)


def _withdraw(world: World, words: list[str]) -> None:
    _act(world, "withdraw", lambda: world.ask(WITHDRAW), NOTHING)


def _regret(world: World, words: list[str]) -> None:
    """Accepts, and takes it back as soon as the first library is on its way."""
    doc = world.doc()
    if doc is None or not world.reachable or not world.ask(REGRET):
        return
    _accept(world, words)
    for _ in range(20):
        said = [line for line in world.console if REGRETTED in line]
        if said:
            at = float(said[-1].rpartition(" ")[2]) / 1000 - world.truth.epoch
            wall = world.truth.wall(at)
            world.truth.add(Act("withdraw", at, at + 0.002, wall, frozenset(), doc))
            world.console.remove(said[-1])
            return
        world.tab.page.wait_for_timeout(25)
    world.ask("window.regret = null")


def _second(world: World) -> bool:
    """Whether the preferences are open now."""
    return bool(world.ask(OPEN_SECOND, given=60_000 if world.reachable else 300))


def _act(world: World, kind: str, perform_: Callable[[], Any], expected: Choice) -> bool:
    """An act of the visitor's, and whether there was one.

    ``perform_`` says what was chosen, or just whether anything was, which then is ``expected``.
    When the page was left before it could say, the act may or may not have taken effect.
    """
    doc = world.doc()
    if doc is None:
        return False
    begin = time.monotonic()
    done = perform_()
    if not done and not world.left:
        return False
    granted, refused = map(frozenset, done if isinstance(done, list) else expected)
    locked = doc.version.gpc_refuses if doc.gpc and doc.place.signal_wins else frozenset()
    world.truth.add(
        Act(
            kind,
            begin,
            time.monotonic() if done else math.inf,
            world.truth.wall(begin),
            granted - locked,
            doc,
            gpc=doc.gpc,
            refused=refused,
            acknowledged=None if doc.version.after_receipt else begin,
        )
    )
    return True


def _gpc(world: World, words: list[str]) -> None:
    how = words[0]
    world.signal(header=how in ("header", "both"), in_page=how in ("property", "both"))


def _region(world: World, words: list[str]) -> None:
    world.go_to(PLACES[words[0]])


def _publish(world: World, words: list[str]) -> None:
    world.publish(CONFIGS[words[0]])


def _clock(world: World, words: list[str]) -> None:
    world.days_pass(int(words[0]), keep=words[1] == "keep")


def _service(world: World, words: list[str]) -> None:
    mode: Any = words[0]
    world.block(mode == "away")
    world.stage.service.set("up" if mode == "away" else mode)


def _vendors(world: World, words: list[str]) -> None:
    world.stage.vendors.slow_seconds = 0.25 if words[0] == "slow" else 0.0


def _tab(world: World, words: list[str]) -> None:
    wanted = int(words[0])
    if wanted < len(world.tabs):
        world.tab = world.tabs[wanted]
        world.tab.page.bring_to_front()
    else:
        world.tab = world.open()
        _visit(world, ["/product"])


def _untab(world: World, words: list[str]) -> None:
    if len(world.tabs) > 1:
        world.close_tab()


STEPS: dict[str, Step] = {
    "visit": _visit,
    "reload": _reload,
    "back": _back,
    "forward": _forward,
    "track": _track,
    "push": _push,
    "hash": _hash,
    "accept": _accept,
    "reject": _reject,
    "close": _close,
    "choose": _choose,
    "withdraw": _withdraw,
    "regret": _regret,
    "gpc": _gpc,
    "region": _region,
    "publish": _publish,
    "clock": _clock,
    "service": _service,
    "vendors": _vendors,
    "tab": _tab,
    "untab": _untab,
}


AROUND = ("gpc", "region", "publish", "clock")
"""What changes around the visitor, so nothing may be under way."""
UNFELT = ("gpc", "region", "publish", "vendors")
"""What no page feels before the next one."""


def _choice(rng: random.Random) -> str:
    words = ["choose", *(purpose for purpose in PURPOSES if rng.random() < 0.6)]
    if rng.random() < 0.2:
        words += ["without", rng.choice(["meta", "ga4", "google-ads"])]
    return " ".join(words)


def _service_word(rng: random.Random) -> str:
    return f"service {rng.choice(['away', 'refusing', 'slow', 'late'])}"


MADE: list[tuple[int, Callable[[random.Random], str]]] = [
    (20, lambda rng: f"visit {rng.choice(VISITED)}"),
    (10, lambda rng: f"track {rng.choice(NAMES)}"),
    (14, lambda rng: "accept"),
    (4, lambda rng: "reject"),
    (2, lambda rng: "close"),
    (8, _choice),
    (4, lambda rng: "withdraw"),
    (2, lambda rng: "regret"),
    (4, lambda rng: f"gpc {rng.choice(['header', 'property', 'both'])}"),
    (7, lambda rng: f"region {rng.choice(sorted(PLACES))}"),
    (4, lambda rng: f"publish {rng.choice(sorted(CONFIGS))}"),
    (4, lambda rng: f"clock {rng.choice([20, 182, 200, 370])} {rng.choice(['keep', 'drop'])}"),
    (4, _service_word),
    (2, lambda rng: "vendors slow"),
    (6, lambda rng: f"tab {rng.choice([0, 0, 1, 1, 1, 2])}"),
    (1, lambda rng: "untab"),
    (4, lambda rng: "reload"),
    (4, lambda rng: "back"),
    (2, lambda rng: "forward"),
    (3, lambda rng: "push"),
    (2, lambda rng: "hash"),
]
ENDS = {"service": "service up", "gpc": "gpc off", "vendors": "vendors fast"}
"""What lasts for a few steps only, and how it ends."""
HASTY = ("accept", "reject", "choose", "withdraw", "track", "push", "tab", "service")
"""Steps that the next one often does not wait for."""


def make(seed: int, length: int) -> list[str]:
    """The steps of ``seed``: always the same ones."""
    rng = random.Random(seed)
    weights = [weight for weight, _ in MADE]
    steps = [f"region {rng.choice(sorted(PLACES))}", "visit /product"]
    steps += ["accept"] * rng.randint(0, 1)
    ends: list[tuple[int, str]] = []
    while len(steps) < length:
        due = [end for end in ends if end[0] <= len(steps)]
        if due:
            ends.remove(due[0])
            steps.append(due[0][1])
            continue
        step = rng.choices(MADE, weights)[0][1](rng)
        end = ENDS.get(step.split()[0])
        if end and not any(text == end for _, text in ends):
            ends.append((len(steps) + rng.randint(2, 6), end))
        hasty = rng.random() < (0.25 if step.startswith(HASTY) else 0.03)
        steps.append(step + ("!" if hasty else ""))
    return steps
