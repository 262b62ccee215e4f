// The debug view as plain text, to be pasted into a ticket.

import { clock, date, eventWords, libraryWords, momentWords, pixelWords, stateWords } from './debugwords.js';
import { visible } from './shown.js';

/**
 * @param {object} page see loader.js
 * @param {object} report see debug.js
 * @param {object} facts see consent/debug.py
 */
export function debugText(page, report, facts) {
  const { slots } = report;
  const made = `${date(Date.now() / 1000)}, store ${facts.store}, version ${facts.version}`;
  const lines = ['Pixelgate debug view', location.href, made];
  const heading = (title) => lines.push('', title.toUpperCase());
  const rows = ({ facts: told }) =>
    told.forEach(([term, text]) => lines.push(`${term}: ${[].concat(text).join('; ')}`));
  const flags = (list, indent) =>
    list.forEach(({ level, where, text }) => {
      lines.push(indent + [level, where, text].filter(Boolean).join(': '));
    });
  const found = report.problems(slots);
  if (found.length) heading('On this page');
  flags(found, '');
  heading('Visitor');
  rows(report.visitor());
  heading('Decision');
  rows(report.decision());
  heading('Pixels');
  for (const one of slots) {
    const { word, text } = stateWords(page, one);
    lines.push(`${one.name} ${one.id}: ${word}, ${text} ${libraryWords(one.library_state)}`.trim());
  }
  heading('Events');
  for (const entry of report.entries) {
    if (entry.kind == 'moment') {
      lines.push(`${clock(entry.at)} ${momentWords(entry, report.names)}`);
      continue;
    }
    const way = eventWords(page, entry, slots);
    const told = [`${way.word}.`, way.text, entry.id != null && `Event id ${entry.id}`].filter(Boolean);
    lines.push(`${clock(entry.at)} ${entry.name}: ${told.join(' ')}`);
    lines.push(`  given: ${asJson(entry.given)}`);
    flags(report.flagsOf(entry), '  ');
    for (const one of entry.state == 'gone' ? slots : []) {
      const text = pixelWords(entry, one);
      if (text) lines.push(`  ${one.label}: ${text}`);
      for (const { path, given } of entry.sent.get(one)?.calls || []) {
        lines.push(`  ${one.label}: ${path}(${given.map(asJson).join(', ')})`);
      }
    }
  }
  return lines.map(visible).join('\n');
}

function asJson(value) {
  return JSON.stringify(value, (key, one) => (one && one.says) || one) || 'nothing';
}
