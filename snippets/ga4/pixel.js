// Google Analytics 4 by the Google tag. Commands are Arguments objects in dataLayer: an array is not
// a command there. The snippet has denied every consent type before this runs, and the loader has
// said what was granted; so this only starts the stream and sends to it.
function (page) {
  const id = {{ id | tojson }};
  const events = {{ events | tojson }};
  const script = {{ script | tojson }};
  // The library, if a script of the page has brought it already.
  const there = `script[src^="${script.split('?')[0]}?"]:not([type="text/plain"])`;

  function gtag() {
    window.dataLayer.push(arguments);
  }

  // Google's rule for names: a letter first, then letters, digits and underscores, 40 in all.
  function custom(event) {
    const name = event.replace(/\W+/g, '_').slice(0, 40);
    return /^(?!(firebase|ga|google|gtag)_)[a-z]/i.test(name) && name;
  }

  return {
    start() {
      const layer = (window.dataLayer ||= []);
      window.gtag ||= gtag;
      // One `js` command and one library serve every Google id on the page.
      if (!layer.some((command) => command && command[0] == 'js')) gtag('js', new Date());
      gtag('config', id, { send_page_view: false });
      if (!layer.pixelgate && !document.querySelector(there)) page.load(script);
      layer.pixelgate = true;
    },
    send(event, params) {
      const name = Object.hasOwn(events, event) ? events[event] : custom(event);
      if (name) gtag('event', name, { send_to: id, ...page.mapped(params) });
    },
    revoke() {
      window['ga-disable-' + id] = true;
    },
    grant() {
      window['ga-disable-' + id] = false;
    },
  };
}
