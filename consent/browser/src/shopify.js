// Shopify's Customer Privacy API: what was granted holds for the shop's own pixels, audiences and checkout
// too. Shopify wants to hear what a visitor chose, and nothing that no one chose.

import { attempt } from './attempt.js';
import { when } from './when.js';

const FEATURES = [{ name: 'consent-tracking-api', version: '0.1' }];

/** @param {object} page see loader.js */
export function shopify(page) {
  const there = () => window.Shopify && window.Shopify.customerPrivacy;
  const tell = () => {
    const api = there();
    const outcome = page.outcome();
    if (!api || !outcome) return;
    const { preferences, analytics, marketing } = outcome.grants;
    const wanted = { analytics, marketing, preferences, sale_of_data: marketing && !page.gpc };
    const said = api.currentVisitorConsent() || {};
    const word = (purpose) => (wanted[purpose] ? 'yes' : 'no');
    // Before a choice only a yes is taken back, that Shopify has kept longer than we keep it.
    const differs = (purpose) =>
      page.decided() ? said[purpose] != word(purpose) : said[purpose] == 'yes' && !wanted[purpose];
    if (Object.keys(wanted).some(differs)) api.setTrackingConsent(wanted, () => 0);
  };
  const loaded = (error) => {
    if (error) console.warn('pixelgate: Shopify did not load its privacy API:', error);
    else attempt(tell);
  };
  page.on('consent', tell);
  when(
    () => there() || (window.Shopify && window.Shopify.loadFeatures instanceof Function),
    () => (there() ? tell() : window.Shopify.loadFeatures(FEATURES, loaded)),
  );
}
