// What may run and what is shown. The twin of consent/decide.py, whose text gives the rules.

import { PURPOSES, grantsWhere, some } from './grants.js';

/**
 * @param {{regime: {model, accept, refuse, wins}, version, since, gpcRefuses}} config days after
 *  which to ask again; `wins`: GPC beats a choice made while it was on
 * @param {object|string|null} decided a decision, 'unreadable', or null
 * @param {boolean} gpc
 * @param {number} now seconds since 1970
 * @returns {{grants, show: 'banner'|'notice'|'none', record: 'gpc'|null, why}}
 */
export function decide(config, decided, gpc, now) {
  const { regime } = config;
  const outcome = (grants, show, why, record = null) => ({ grants, show, record, why });
  const why = decided && fault(config, decided, now);
  if (why) return outcome(grantsWhere(() => 0), 'banner', why);
  const open = regime.model != 'opt-in';
  const grants = decided ? decided.grants : grantsWhere(() => open);
  const left = grantsWhere((purpose) => grants[purpose] && !config.gpcRefuses.includes(purpose));
  const signal = gpc && (decided ? regime.wins || !decided.gpc : open);
  if (signal && (!decided || PURPOSES.some((purpose) => grants[purpose] != left[purpose]))) {
    return outcome(left, 'none', 'gpc', 'gpc');
  }
  if (decided) return outcome(grants, 'none', 'decided');
  return outcome(grants, open ? 'notice' : 'banner', 'regime');
}

function fault({ regime, version, since }, decided, now) {
  if (decided == 'unreadable') return decided;
  const days = some(decided.grants) ? regime.accept : regime.refuse;
  if (decided.at + days * 86400 <= now) return 'expired';
  if (decided.version > version) return 'unknown-version';
  if (regime.model != 'opt-in') return null;
  if (decided.model != regime.model) return 'stricter-regime';
  return decided.version < since ? 'version-changed' : null;
}

/** 'run', 'limited' (only with a `limit`) or 'blocked' for a pixel with these purposes. */
export function pixelState(outcome, purposes, limit, model, gpc) {
  if (purposes.every((purpose) => purpose == 'necessary' || outcome.grants[purpose])) return 'run';
  const limited = limit && model == 'opt-out' && outcome.why == 'decided' && !gpc;
  return limited ? 'limited' : 'blocked';
}
