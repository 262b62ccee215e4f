// What has the focus must not lie under the way back in (WCAG 2.2, 2.4.11). Fetched with the first focus.

/** @param {object} page see loader.js */
export function focus({ view: { entry, root } }) {
  const look = () => {
    const { activeElement } = document;
    const a = entry.getBoundingClientRect();
    const b = activeElement.getBoundingClientRect();
    const over = a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    const theirs = activeElement != document.body && activeElement.shadowRoot != root;
    entry.style.visibility = over && theirs ? 'hidden' : '';
  };
  addEventListener('focusin', look);
  addEventListener('focusout', () => setTimeout(look));
  addEventListener('scroll', look, { passive: true });
  look();
}
