"""Long random ways through a shop in a real Chromium, each step held to the rules.

``python -m tests.e2e.model --minutes 10`` runs new seeds, prints each, and stops at the first that
breaks a rule, with the steps as text; ``--seed`` and ``--steps`` run one again, ``--shorten`` drops
the steps that it does without.

============  ====================================================================================
``places``    where visitors come from, and what the law there says
``truth``     what was decided, and so what may happen: written from the rules, not from the code
``service``   the real service, in this process, with a clock that moves and answers that can wait
``servers``   the shop and the vendors
``world``     the browser, its tabs, and everything that leaves them
``steps``     what a visitor, an operator and the days do
``rules``     what must hold after every step
``run``       sequences: making, running, shortening
============  ====================================================================================
"""
