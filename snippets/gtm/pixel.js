// Google Tag Manager. The container reads plain objects in dataLayer: { event, ecommerce }. The loader
// has said what was granted by Consent Mode before this runs. All containers of a page read the same
// dataLayer, so an event of two pixels is pushed by the first of them alone.
function (page) {
  const id = {{ id | tojson }};
  const events = {{ events | tojson }};
  const said = new Set();

  return {
    start() {
      const layer = (window.dataLayer ||= []);
      // One start serves every container: a second one would set off its page views again.
      if (!layer.some((one) => one && one['gtm.start'])) {
        layer.push({ 'gtm.start': Date.now(), event: 'gtm.js' });
      }
      page.load({{ script | tojson }});
    },
    send(event, params, eventId) {
      const layer = window.dataLayer;
      const pushed = (layer.pixelgatePushed ||= new Map());
      if (!pushed.has(eventId)) pushed.set(eventId, id);
      // Names that begin with gtm. are the container's own.
      if (pushed.get(eventId) != id || event.startsWith('gtm.')) return;
      // Without this, products of the last event would mix with those of this one.
      layer.push({ ecommerce: null });
      const data = {
        event: Object.hasOwn(events, event) ? events[event] : event,
        ecommerce: page.mapped(params),
        event_id: eventId,
        // Undefined clears the words of an earlier search.
        search_term: params.search,
      };
      said.add(data);
      layer.push(data);
    },
    revoke() {
      // A container that is still on its way gets nothing of what waits for it.
      const layer = window.dataLayer;
      for (let at = layer.length; at--; ) if (said.has(layer[at])) layer.splice(at, 1);
      said.clear();
    },
    grant() {},
  };
}
