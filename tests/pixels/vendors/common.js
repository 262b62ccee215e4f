// What every stand-in for a vendor's library shares. It is served before the stand-in itself, in one script.
//
// A hit goes to the vendor's own address, so that the page's policy has to allow it, and is told to the
// page by the event `vendor:hit` on window: { platform, id, event, data, options, url }, as the library
// read them: the vendor's name of the event, its parameters, and what was said beside them.
var standIn = (platform, address) => {
  let count = 0; // in every hit, so that the browser takes no two for one picture
  const plain = (value) => JSON.parse(JSON.stringify(value === undefined ? {} : value));

  /** The cookie `name` on the highest domain that the browser accepts, unless it is there. */
  function cookie(name, value, seconds) {
    const read = () => `; ${document.cookie}`.includes(`; ${name}=`);
    if (read()) return;
    const labels = location.hostname.split('.');
    for (let from = labels.length - 1; from >= 0 && !read(); from--) {
      document.cookie = `${name}=${value}; Path=/; Max-Age=${seconds}; Domain=.${labels.slice(from).join('.')}`;
    }
    if (!read()) document.cookie = `${name}=${value}; Path=/; Max-Age=${seconds}`;
  }

  return {
    /** Says what the real library would silently lose or get wrong. */
    complain: (text) => console.error(`${platform} stand-in: ${text}`),
    hit(id, event, data, options) {
      const detail = { platform, id, event, data: plain(data), options: plain(options) };
      const query = { id, event, data: JSON.stringify(detail.data), options: JSON.stringify(detail.options), n: count++ };
      detail.url = `${address}?${new URLSearchParams(query)}`;
      new Image().src = detail.url;
      dispatchEvent(new CustomEvent('vendor:hit', { detail }));
    },
    cookie,
    local: (name, value) => localStorage.setItem(name, value),
    session: (name, value) => sessionStorage.setItem(name, value),
    /** Arguments objects and arrays are not the same to most libraries. */
    isArguments: (value) => Object.prototype.toString.call(value) == '[object Arguments]',
  };
};
