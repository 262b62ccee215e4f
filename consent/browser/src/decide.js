// What may run and what is shown. The twin of consent/decide.py, whose text gives the rules.

import { PURPOSES, grantsWhere, some } from './grants.js';

/**
 * @param {{regime: {model, accept, refuse, wins}, version, since, off}} config days after
 *  which to ask again; `off`: what GPC turns off; `wins`: it beats a choice made while it was on
 * @param {object|string|null} decided a decision, 'unreadable', or null
 * @param {boolean} gpc
 * @param {number} now seconds since 1970
 * @returns {{grants, show: 'banner'|'notice'|'none', why, refused: string[]}} why is 'gpc' where the
 *  signal's own decision is to be recorded
 */
export function decide({ regime, version, since, off }, decided, gpc, now) {
  // Not a const: the minifier would put the next line, whose default reads it, before this one.
  let open = regime.model != 'opt-in';
  const { grants = grantsWhere(() => open), refused = [] } = decided || {};
  const outcome = (why, show, granted = grants, named = refused) => ({ grants: granted, show, why, refused: named });
  const why = decided && fault(regime, version, since, decided, now);
  // Expired, unreadable and unknown ones hold nowhere.
  if (why && (!open || /^[eu]/.test(why))) return outcome(why, 'banner', grantsWhere(() => 0), []);
  const left = grantsWhere((purpose) => grants[purpose] && !off.includes(purpose));
  const signal = decided
    ? (regime.wins || !decided.gpc) && PURPOSES.some((purpose) => grants[purpose] != left[purpose])
    : open;
  if (gpc && signal) return outcome('gpc', 'none', left);
  if (!decided) return outcome('regime', open ? 'notice' : 'banner');
  if (why && !refused.length && PURPOSES.every((purpose) => grants[purpose])) return outcome(why, 'notice');
  return outcome('decided', 'none');
}

function fault(regime, version, since, decided, now) {
  if (decided == 'unreadable') return decided;
  if (decided.at + (some(decided.grants) ? regime.accept : regime.refuse) * 86400 <= now) return 'expired';
  if (decided.version > version) return 'unknown-version';
  const strictness = (model) => 'notice opt-out opt-in'.indexOf(model);
  if (strictness(decided.model) < strictness(regime.model)) return 'stricter-regime';
  return decided.version < since && 'version-changed';
}

/** 'run', 'limited' (only with a `limit`) or 'blocked' for `platform`'s pixel with these purposes. */
export function pixelState(outcome, purposes, limit, model, gpc, platform) {
  if (outcome.refused.includes(platform)) return 'blocked';
  if (purposes.every((purpose) => outcome.grants[purpose])) return 'run';
  return limit && model != 'opt-in' && outcome.why == 'decided' && !gpc ? 'limited' : 'blocked';
}
