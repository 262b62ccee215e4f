// The WP Consent API, by which the plugins of a WordPress shop ask what they may do. It keeps its own
// cookies for a shorter time than we keep the decision, so it is told again on every page.

import { when } from './when.js';

const CATEGORIES = {
  functional: '',
  preferences: 'preferences',
  statistics: 'analytics',
  'statistics-anonymous': 'analytics',
  marketing: 'marketing',
};

/** @param {object} page see loader.js */
export function wordpress(page) {
  const there = () => window.wp_set_consent instanceof Function;
  const tell = () => {
    const outcome = page.outcome();
    if (!outcome || !there()) return;
    for (const category in CATEGORIES) {
      const purpose = CATEGORIES[category];
      const may = !purpose || outcome.grants[purpose];
      // It stores what it is told. So before a choice it only hears a no, and only to what it would
      // allow by itself: a signal of the browser, or a yes of its own that outlived the visitor's.
      const needs = page.decided() || (!may && window.wp_has_consent && window.wp_has_consent(category));
      if (needs) window.wp_set_consent(category, may ? 'allow' : 'deny');
    }
  };
  const announce = () => document.dispatchEvent(new CustomEvent('wp_consent_type_defined'));
  window.wp_consent_type = page.config.regime.model == 'opt-in' ? 'optin' : 'optout';
  page.on('consent', tell);
  when(there, tell);
  // Once, when the plugins of the page's foot listen too.
  when(() => there() && document.readyState != 'loading', announce);
}
