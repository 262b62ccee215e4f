// After Back and Forward browsers run what they kept, without asking whether it still holds. Where pixels
// run before a choice, the place has to be asked for anew: the visitor may be elsewhere by now.

/** @param {() => void} run the loader */
export function again(run) {
  const own = document.currentScript;
  // An element of the page may call itself currentScript.
  if (!(own instanceof HTMLScriptElement)) return;
  const { src, nonce } = own;
  if (performance.navigation.type != 2 || src.includes('&b=')) return run();
  const url = `${src}&b=${Date.now()}`;
  const script = document.createElement('script');
  const { t } = window.pixelgate || {};
  script.nonce = nonce;
  script.src = t ? t.createScriptURL(url) : url;
  document.head.append(script);
}
