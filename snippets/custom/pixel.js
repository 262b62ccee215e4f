// A store's own pixel. `script` is the address of the script that it names, or that of custom.js, which
// brings the store's own code: it takes this pixel's place, and the events that came meanwhile.
function (page) {
  const url = new URL({{ script | tojson }}, document.currentScript.src).href;
  const calls = [];
  return {
    calls,
    start() {
      page.load(url);
    },
    send(...call) {
      if (calls.length < 200) calls.push(call);
    },
    revoke() {
      calls.length = 0;
    },
    grant() {},
  };
}
