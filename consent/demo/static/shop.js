// The shop's own script: tells pixelgate what happens, and adds to the basket without leaving the page.
(() => {
  const announce = (name, params) => {
    if (!window.pixelgate) return; // the snippet was blocked: the shop goes on without
    window.pixelgate('track', name, params);
    dispatchEvent(new CustomEvent('summit:event', { detail: name }));
  };

  for (const [name, params] of JSON.parse(document.getElementById('summit-events').textContent)) {
    announce(name, params);
  }

  async function addToCart(form) {
    const quantity = Number(form.elements.quantity.value);
    const answer = await fetch(form.action, {
      method: 'POST',
      body: new URLSearchParams(new FormData(form)),
      headers: { Accept: 'application/json' },
    });
    if (!answer.ok) throw new Error(`the basket answered ${answer.status}`);
    const { count } = await answer.json();
    for (const element of document.querySelectorAll('[data-cart-count]')) element.textContent = count;
    const [name, params] = JSON.parse(form.dataset.event);
    const contents = params.contents.map((item) => ({ ...item, quantity }));
    announce(name, { ...params, contents, value: Math.round(params.value * quantity * 100) / 100 });
    const told = document.querySelector('[data-added]');
    const link = Object.assign(document.createElement('a'), { href: form.action, textContent: 'Go to the basket' });
    told.replaceChildren('In your basket. ', link);
    dispatchEvent(new Event('summit:basket'));
  }

  for (const form of document.querySelectorAll('[data-add-to-cart]')) {
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      addToCart(form).catch(() => form.submit());
    });
  }
})();
