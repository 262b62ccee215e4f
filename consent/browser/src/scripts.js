// <script type="text/plain" data-purpose="analytics">: run once, in the order of the document, when every
// purpose that it names is granted.

/**
 * @param {object} page see loader.js
 * @param {object} gate see content.js
 * @returns {() => void} runs what may run and has not yet
 */
export function scriptGate(page, gate) {
  const { nonce } = page.fetch('content');
  // A browser hides nonces where a policy came with the page.
  const strict = nonce && document.querySelector('[nonce=""], meta[http-equiv="content-security-policy" i]');
  const seen = new WeakSet();
  const ran = [];
  let loading = 0;
  let trustedTypes;

  const isModule = (script) => script.dataset.type == 'module';
  const isInline = (script) => !script.hasAttribute('src') && !isModule(script);
  const isLate = (script) => isModule(script) || (script.defer && script.hasAttribute('src'));

  function mayRun(script) {
    const { type = '' } = script.dataset;
    if (seen.has(script)) return false;
    if (!/^(module|(text|application)\/javascript)?$/.test(type)) {
      return gate.refuse(script, 'data-type', type, 'module, or none');
    }
    // Where a policy goes by nonces, markup that someone slipped in must not run by way of us: the script
    // keeps its own nonce, and one without is not run even where 'strict-dynamic' would let us.
    if (strict && script.nonce != nonce) {
      return gate.refuse(script, 'nonce', script.nonce, "that of the page's other scripts");
    }
    const purposes = gate.purposes(script);
    return purposes && gate.granted(purposes);
  }

  function next() {
    const all = document.querySelectorAll('script[type="text/plain"][data-purpose]');
    const ready = [...all].filter(mayRun);
    return ready.find((script) => !isLate(script)) || ready[0];
  }

  function copyOf(element) {
    const script = document.createElement('script');
    for (const { name, value } of element.attributes) script.setAttribute(name, value);
    script.textContent = element.textContent;
    return script;
  }

  function run(element) {
    let script = element;
    try {
      // A copy, because one that the page set as innerHTML never runs.
      if (!trustedTypes) script = copyOf(element);
    } catch (error) {
      // Trusted Types let no text become a script, but one that came with the page is trusted already. It
      // was none so far; now it is, and runs when it is put in once more.
      trustedTypes = error instanceof TypeError;
    }
    script.type = element.dataset.type || '';
    script.nonce = element.nonce;
    // Scripts that are put in run as they arrive, unless this is said.
    script.async = element.hasAttribute('async');
    if (script.hasAttribute('src') && !script.async && !script.noModule && !isLate(script)) {
      const done = () => {
        loading--;
        look();
      };
      loading++;
      script.addEventListener('load', done);
      script.addEventListener('error', done);
    }
    seen.add(element).add(script);
    ran.push(gate.purposes(script));
    const { parentNode, nextSibling } = element;
    element.remove();
    parentNode.insertBefore(script, nextSibling);
  }

  function look() {
    // An inline script may be there by half while the page still comes in.
    if (document.readyState == 'loading') return;
    let script;
    // Those with an address keep their order among themselves; one without waits for them.
    while ((script = next()) && !(loading && isInline(script)) && !page.moved()) run(script);
  }

  // What has run cannot be taken back: once the withdrawal is stored, the page comes anew without it.
  const { renew } = page;
  page.renew = () => (ran.every(gate.granted) ? renew() : location.reload());
  return look;
}
