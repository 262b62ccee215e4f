// Matomo. The queue holds arrays; the library runs what is in them once for every tracker that the page
// has configured in _paq, so a method's name there would also speak for trackers of other scripts, and
// theirs for ours. This pixel has a tracker of its own (Matomo.getTracker): a queued array holds a
// function, and then the calls that it makes on that tracker, so nothing crosses over.
function (page) {
  const [site, base] = {{ id | tojson }}.split('@');
  let off; // consent was withdrawn
  let first; // some tracker of the page: ours is served when it is its turn
  let own;

  function run(...calls) {
    first ||= this;
    if (this != first) return;
    own ||= window.Matomo.getTracker(`https://${base}/matomo.php`, site);
    // What waited for the library while consent went is not sent, and a tracker that nobody has
    // configured leaves nothing.
    if (off && !this.getSiteId()) this.disableCookies();
    for (const [method, ...rest] of calls) if (!off || /Consent|Cookies/.test(method)) own[method](...rest);
  }

  function tell(...calls) {
    window._paq.push([run, ...calls]);
  }

  return {
    start() {
      window._paq ||= [];
      tell(['requireConsent'], ['setConsentGiven']);
      if (!window.Matomo) page.load({{ script | tojson }});
    },
    send(event, { value, order_id, search, contents }) {
      const [one] = contents;
      const sum = () => contents.reduce((total, { price = 0, quantity }) => total + price * quantity, 0);
      const sale = (...last) => [
        ['clearEcommerceCart'],
        ...contents.map((c) => ['addEcommerceItem', c.id, c.name, false, c.price, c.quantity]),
        [...last, value ?? sum()],
      ];
      const known = {
        PageView: [['trackPageView']],
        ViewContent: one && [['setEcommerceView', one.id, one.name, false, one.price], ['trackPageView']],
        AddToCart: one && sale('trackEcommerceCartUpdate'),
        Purchase: order_id && sale('trackEcommerceOrder', order_id),
        Search: search && [['trackSiteSearch', search]],
      };
      // Without what the method needs it is an event like any other.
      const calls = (Object.hasOwn(known, event) && known[event]) || [['trackEvent', 'shop', event]];
      tell(['setCustomUrl', location.href], ['setDocumentTitle', document.title], ...calls);
    },
    revoke() {
      off = 1;
      tell(['requireConsent'], ['disableCookies'], ['deleteCookies']);
    },
    grant() {
      off = 0;
      tell(['setConsentGiven']);
    },
  };
}
