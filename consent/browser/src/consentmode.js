// What other people's tags are told: Google Consent Mode v2 and Microsoft UET. The snippet has set
// every type to denied before any of them could load; from here only updates follow.

import purposes from './purposes.json';

/** Says `outcome` to every Google and UET tag on the page, now and those that load later. */
export function tellTags({ grants, refused }) {
  // Who refused Google Ads by itself has refused its signals too.
  const word = (purpose, platform) =>
    grants[purpose] && !refused.includes(platform) ? 'granted' : 'denied';
  const google = {};
  for (const purpose in purposes) {
    for (const type of purposes[purpose]) {
      google[type] = word(purpose, purpose == 'marketing' && 'google-ads');
    }
  }
  // Google's tags take commands as Arguments objects only; an array is ignored.
  (function () {
    (window.dataLayer ||= []).push(arguments);
  })('consent', 'update', google);
  (window.uetq ||= []).push('consent', 'update', { ad_storage: word('marketing', 'uet') });
}
