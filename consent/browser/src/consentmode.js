// What other people's tags are told: Google Consent Mode v2 and Microsoft UET. The snippet has set
// every type to denied before any of them could load; from here only updates follow.

import purposes from './purposes.json';

let told;

/** Says `grants` to every Google and UET tag on the page, now and those that load later. */
export function tellTags(grants) {
  if (told == (told = JSON.stringify(grants))) return;
  const google = {};
  for (const purpose in purposes) {
    for (const type of purposes[purpose].google) google[type] = word(grants[purpose]);
  }
  const layer = (window.dataLayer = window.dataLayer || []);
  // Google's tags take commands as Arguments objects only; an array is ignored.
  (function () {
    layer.push(arguments);
  })('consent', 'update', google);
  const uet = (window.uetq = window.uetq || []);
  uet.push('consent', 'update', { ad_storage: word(grants.marketing) });
}

function word(granted) {
  return granted ? 'granted' : 'denied';
}
