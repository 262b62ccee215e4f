// What an opt-out regime wants besides: the opt-out icon that goes with "Your Privacy Choices" (11 CCR
// 7015: a pill, a check, a cross), and that the signal was honoured (11 CCR 7025(c)(6)).

import css from './optout.css';

/**
 * @param {object} page see loader.js
 * @param {{icon: boolean, honoured: string}} wanted whether the law asks for the icon, and what to say
 *  when the signal was seen
 */
export function optout({ gpc, view }, { icon, honoured }) {
  if (icon) view.style(css);
  if (!gpc) return;
  const told = document.createElement('span');
  told.role = 'status';
  view.entry.append(told);
  told.append(' · ' + honoured);
}
