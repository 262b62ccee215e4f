// The least that a banner can cost: one script, one open shadow root, one sheet, a text, three buttons.
(() => {
  if (localStorage.floor) return;
  const add = (parent, tag, className, text) => {
    const element = document.createElement(tag);
    element.className = className;
    element.textContent = text;
    return parent.appendChild(element);
  };
  const draw = () => {
    const host = document.createElement('div');
    host.id = 'floor';
    const root = host.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`section{position:fixed;inset:auto 0 0;box-sizing:border-box;max-height:100%;overflow:auto;padding:16px 24px;
      border-top:1px solid #777;background:#fff;color:#111;font:16px/1.5 sans-serif;z-index:2147483647}
      h2{margin:0;font-size:18px}button{min-height:44px;margin:0 8px 8px 0;padding:0 20px;border:0;border-radius:8px;background:#124;color:#fff;font:inherit}`);
    root.adoptedStyleSheets = [sheet];
    const section = add(root, 'section', 'first', '');
    section.setAttribute('aria-label', 'Privacy');
    add(section, 'h2', '', 'Your privacy');
    add(section, 'p', '', 'This shop would like to keep statistics and to advertise. It does so only if you agree.');
    for (const [name, text] of [['reject', 'Reject all'], ['accept', 'Accept all'], ['choose', 'Choose']]) {
      add(section, 'button', name, text).onclick = () => {
        localStorage.floor = name;
        host.remove();
      };
    }
    document.body.prepend(host);
  };
  if (document.body) draw();
  else document.addEventListener('DOMContentLoaded', draw);
})();
