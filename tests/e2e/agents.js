// Runs the rule files of consent/browser/agents as the agents do that they are written for, step by
// step, and refuses everything that the two files do not use: whoever adds a step adds it here.

const LOOKS = 20; // one every 100 ms; the agents look for a little longer

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The values of `keys` in `node`, which has no others. */
function take(where, node, ...keys) {
  for (const key of Object.keys(node)) {
    if (!keys.includes(key)) throw Error(`${where}: ${key}; known are ${keys.join(', ')}`);
  }
  return keys.map((key) => node[key]);
}

/** All elements that `selectors` lead to, each looked for inside the first that the one before found. */
function find(selectors) {
  let inside = document;
  let found = [];
  for (const selector of selectors) {
    found = [...(inside.shadowRoot || inside).querySelectorAll(selector)];
    if (!found.length) return [];
    inside = found[0];
  }
  return found;
}

async function until(met, looks = LOOKS, ms = 100) {
  for (let i = 0; !met(); i++) {
    if (i == looks) return false;
    await pause(ms);
  }
  return true;
}

// ---- autoconsent: a step is true or false, a list of steps ends with the first that is false

function isSeen(element) {
  const { position, display } = getComputedStyle(element);
  return element.offsetParent != null || (position == 'fixed' && display != 'none');
}

const STEPS = {
  exists: (node) => {
    const [path] = take('exists', node, 'exists');
    return () => find([path].flat()).length > 0;
  },
  visible: (node) => {
    const [path, check] = take('visible', node, 'visible', 'check');
    if (![undefined, 'none'].includes(check)) throw Error(`visible: check ${check}`);
    return () => {
      const found = find([path].flat());
      return check ? !found.some(isSeen) : found.length > 0 && found.every(isSeen);
    };
  },
  waitForThenClick: (node) => {
    const [path] = take('waitForThenClick', node, 'waitForThenClick');
    return async () => {
      if (!(await until(() => find(path).length))) return false;
      find(path)[0].click();
      return true;
    };
  },
  cookieContains: (node) => {
    const [text] = take('cookieContains', node, 'cookieContains');
    return () => document.cookie.includes(text);
  },
};

function steps(list) {
  const run = list.map((node) => {
    const [step] = Object.keys(node).filter((key) => key in STEPS);
    if (!step) throw Error(`step: ${Object.keys(node)}; known are ${Object.keys(STEPS)}`);
    return STEPS[step](node);
  });
  return async () => {
    for (const step of run) if (!(await step())) return false;
    return true;
  };
}

/**
 * Does what the list `wish` of the rule says: optIn, optOut, or `test`, which may be asked on the
 * next page only. 'nothing found', or whether it came to its end.
 */
async function autoconsent(rule, wish) {
  const [, prehide, cmp, popup, optIn, optOut, test] = take(
    ...['rule', rule, 'name', 'prehideSelectors', 'detectCmp', 'detectPopup', 'optIn', 'optOut', 'test'],
  );
  for (const selector of prehide) document.querySelector(selector);
  const [isThere, isOpen] = [steps(cmp), steps(popup)];
  const run = { optIn: steps(optIn), optOut: steps(optOut), test: steps(test) };
  if (wish == 'test') return run.test();
  for (let i = 0; !(await isThere()) || !(await isOpen()); i++) {
    if (i == LOOKS) return 'nothing found';
    await pause(100);
  }
  return run[wish]();
}

// ---- Consent-O-Matic: `parent`, then `target` in it; what is not there is passed over

function target(where, parent, child) {
  const [outer] = parent ? take(`${where}.parent`, parent, 'selector') : [];
  const [inner, displayed] = take(`${where}.target`, child, 'selector', 'displayFilter');
  return () => find(outer ? [outer, inner] : [inner]).filter((one) => !displayed || one.offsetHeight)[0];
}

function matcher(node) {
  const [type, parent, child] = take('matcher', node, 'type', 'parent', 'target');
  const get = target('matcher', parent, child);
  if (type == 'css') return () => !!get();
  if (type == 'checkbox') return () => get().checked;
  throw Error(`matcher: ${type}; known are css, checkbox`);
}

const ACTIONS = {
  click: (node) => {
    const [, parent, child] = take('click', node, 'type', 'parent', 'target');
    const get = target('click', parent, child);
    return () => get()?.click();
  },
  list: (node) => {
    const [, list] = take('list', node, 'type', 'actions');
    const run = list.map(action);
    return async (wanted) => {
      for (const one of run) await one(wanted);
    };
  },
  waitcss: (node) => {
    const [, parent, child, retries, ms] = take(
      ...['waitcss', node, 'type', 'parent', 'target', 'retries', 'waitTime'],
    );
    const get = target('waitcss', parent, child);
    return () => until(get, retries, ms);
  },
  ifallownone: (node) => {
    const [, yes, no] = take('ifallownone', node, 'type', 'trueAction', 'falseAction').map(
      (one) => one.type && action(one),
    );
    return (wanted) => (Object.values(wanted).includes(true) ? no : yes)(wanted);
  },
  consent: (node) => {
    const [, consents] = take('consent', node, 'type', 'consents');
    const run = consents.map((one) => {
      const [type, match, toggle] = take('consents', one, 'type', 'matcher', 'toggleAction');
      const [isOn, click] = [matcher(match), action(toggle)];
      return async (wanted) => isOn() != wanted[type] && click(wanted);
    });
    return async (wanted) => {
      for (const one of run) await one(wanted);
    };
  },
};

function action(node) {
  if (!(node.type in ACTIONS)) throw Error(`action: ${node.type}; known are ${Object.keys(ACTIONS)}`);
  return ACTIONS[node.type](node);
}

/** 'nothing found', or 'done'. `wanted`: A to X, each true or false. */
async function consentOMatic(file, wanted) {
  const [, rule] = take('file', file, '$schema', 'Pixelgate');
  const [detectors, methods] = take('rule', rule, 'detectors', 'methods');
  const seen = detectors.map((node) => {
    const [present, showing] = take('detector', node, 'presentMatcher', 'showingMatcher');
    return [...present, ...showing].map(matcher);
  });
  const run = methods.map((node) => {
    const [name, does] = take('method', node, 'name', 'action');
    if (name != 'DO_CONSENT') throw Error(`method: ${name}; known is DO_CONSENT`);
    return action(does);
  });
  const found = await until(() => seen.some((all) => all.every((one) => one())));
  if (!found) return 'nothing found';
  for (const method of run) await method(wanted);
  return 'done';
}
