'use strict';
// Does what consent/evidence.py does; tests/tampered.py holds both to one table.

const MOST_BYTES = 1048576, NOTE_BYTES = 65536, MOST_SIGNATURES = 64;
const utf8 = new TextEncoder();

class Refused extends Error {}

// ---- bytes

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** What `text` encodes; null unless it is the one way to write it in base64. */
function decoded(text) {
    try {
        const bytes = atob(text);
        return btoa(bytes) === text ? Uint8Array.from(bytes, (one) => one.charCodeAt(0)) : null;
    } catch {
        return null;
    }
}

function joined(...parts) {
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
        all.set(part, at);
        at += part.length;
    }
    return all;
}

const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
const same = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);

// ---- canonical JSON (RFC 8785)

function canonical(value) {
    if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
    if (value && typeof value === 'object') {
        const fields = Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
        return `{${fields.join()}}`;
    }
    if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new Refused('a number that is not whole');
    return JSON.stringify(value);
}

// ---- trees (RFC 6962)

const leafHash = (entry) => sha256(joined([0], entry));
const nodeHash = (left, right) => sha256(joined([1], left, right));

async function isIncluded(index, size, leaf, path, root) {
    if (index < 0n || index >= size) return false;
    let number = index, last = size - 1n, found = leaf;
    for (const sibling of path) {
        if (last === 0n || sibling.length !== 32) return false;
        if (number & 1n || number === last) {
            found = await nodeHash(sibling, found);
            while (!(number & 1n)) [number, last] = [number >> 1n, last >> 1n];
        } else {
            found = await nodeHash(found, sibling);
        }
        [number, last] = [number >> 1n, last >> 1n];
    }
    return last === 0n && same(found, root);
}

// ---- signed notes, vkeys, checkpoints (C2SP)

const isName = (name) => name !== '' && !/[+\s\u0085\u0000-\u001f]/.test(name);

async function keyId(name, kind, key) {
    return (await sha256(joined(utf8.encode(name), [10, kind], key))).slice(0, 4);
}

async function parseKey(text) {
    const [name, id, ...rest] = text.split('+');
    const key = decoded(rest.join('+'));
    if (!key || key.length !== 33 || key[0] !== 1 || !isName(name)) throw new Refused(`“${text.slice(0, 60)}” is not a public key of a log`);
    const own = await keyId(name, 1, key.slice(1));
    if (hex(own) !== id) throw new Refused(`the key “${text.slice(0, 60)}” has another id than its own`);
    return { name, id: own, key: key.slice(1) };
}

function parseNote(written) {
    const gap = written.lastIndexOf('\n\n');
    if (gap < 0 || !written.endsWith('\n') || gap + 2 >= written.length || utf8.encode(written).length > NOTE_BYTES) throw new Refused('it is not a signed note');
    if (/[\u0000-\u0009\u000b-\u001f]/.test(written)) throw new Refused('it has control characters');
    const lines = written.slice(gap + 2, -1).split('\n');
    if (lines.length > MOST_SIGNATURES) throw new Refused('it has too many signatures');
    return { text: written.slice(0, gap + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line) {
    const at = line.indexOf(' ', 2);
    const name = line.slice(2, at), value = decoded(line.slice(at + 1));
    if (!line.startsWith('— ') || at < 0 || !isName(name) || !value || value.length <= 4) throw new Refused('it has a line that is no signature');
    return { name, id: value.slice(0, 4), value: value.slice(4) };
}

function parseCheckpoint(text) {
    const lines = text.split('\n');
    const root = lines.length > 3 ? decoded(lines[2]) : null;
    if (!root || root.length !== 32 || lines.slice(0, -1).includes('')) throw new Refused('it has no origin, size and root');
    if (!/^(0|[1-9]\d{0,18})$/.test(lines[1])) throw new Refused('its size is not a number');
    return { origin: lines[0], size: BigInt(lines[1]), root };
}

async function isSigned(key, text, value) {
    let imported;
    try {
        imported = await crypto.subtle.importKey('raw', key, { name: 'Ed25519' }, false, ['verify']);
    } catch {
        throw new Refused('this browser cannot check Ed25519 signatures: use a newer one, or “consent receipt verify”');
    }
    return crypto.subtle.verify({ name: 'Ed25519' }, imported, value, utf8.encode(text));
}

async function signers(note, keys) {
    const found = [];
    for (const one of note.signatures) {
        const key = keys.find((known) => known.name === one.name && same(known.id, one.id));
        if (!key || found.includes(key)) continue;
        if (!await isSigned(key.key, note.text, one.value)) throw new Refused(`the signature of ${key.name} does not fit its text`);
        found.push(key);
    }
    return found;
}

// ---- the file

const isText = (value) => typeof value === 'string';
const isFlag = (value) => typeof value === 'boolean';
const isWhole = (value) => Number.isSafeInteger(value);
const isUuid = (value) => isText(value) && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value);
const isTime = (value) => isText(value) && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(value) && !Number.isNaN(Date.parse(value));
const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
const oneOf = (...values) => (value) => values.includes(value);
const orNull = (check) => (value) => value === null || check(value);
const listOf = (check) => (value) => Array.isArray(value) && value.every(check);
const fields = (checks) => (value) => isObject(value)
    && Object.keys(value).every((name) => Object.hasOwn(checks, name))
    && Object.keys(checks).every((name) => Object.hasOwn(value, name) && checks[name](value[name]));

const isRecord = fields({
    action: oneOf('accept_all', 'reject_all', 'save', 'close', 'gpc', 'withdraw'),
    at: isTime,
    banner_sha256: isText,
    device: oneOf('phone', 'tablet', 'desktop'),
    format: oneOf('pixelgate-record-1'),
    gpc_header: isFlag,
    gpc_property: isFlag,
    grants: fields({ preferences: isFlag, analytics: isFlag, marketing: isFlag }),
    id: isUuid,
    language: isText,
    place: fields({ country: orNull(isText), subdivision: orNull(isText), source: oneOf('header', 'database', 'none') }),
    previous: orNull(isUuid),
    refused: listOf(isText),
    regime: isText,
    regime_sha256: isText,
    salt: isText,
    seq: isWhole,
    store: isText,
    version: isWhole,
    version_sha256: isText,
    visitor: isUuid,
});

/** Whether an object in this JSON names a field twice: readers differ in which of the two they take. */
function namesTwice(json) {
    const open = [];
    for (const [token, key] of json.matchAll(/("[^"\\]*(?:\\.[^"\\]*)*")\s*:|"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]]/g)) {
        if (key) {
            const name = JSON.parse(key);
            if (open.at(-1).has(name)) return true;
            open.at(-1).add(name);
        } else if (token === '{' || token === '[') {
            open.push(new Set());
        } else if (token === '}' || token === ']') {
            open.pop();
        }
    }
    return false;
}

function read(bytes) {
    let file, json;
    if (bytes.length > MOST_BYTES) throw new Refused('The file is too long to be a receipt.');
    try {
        json = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
        file = JSON.parse(json);
    } catch {
        throw new Refused('This is not a receipt file: it is not JSON in UTF-8.');
    }
    if (namesTwice(json)) throw new Refused('This is not a receipt file: it names a field twice.');
    const shaped = isObject(file) && (file.format ?? 'pixelgate-receipt-1') === 'pixelgate-receipt-1' && isObject(file.record)
        && isText(file.receipt) && isWhole(file.index) && listOf(isText)(file.proof) && isText(file.checkpoint) && isText(file.key);
    if (!shaped) throw new Refused('This is not a receipt file of Pixelgate, or of a form that this page does not know.');
    return file;
}

// ---- the checks

function checkRecord(file) {
    if (!isRecord(file.record)) return [false, 'The record is not of a form that this verifier knows.'];
    if (file.index !== file.record.seq - 1) return [false, `The record is number ${file.record.seq}, but the file says place ${file.index}.`];
    return [true, 'The record is complete.'];
}

function checkReceipt({ record, receipt }) {
    const other = [false, 'The receipt that the visitor’s page got does not say the same as the record.'];
    try {
        const payload = receipt.slice(0, Math.max(0, receipt.lastIndexOf('.')));
        if (!/^[\w-]+$/.test(payload)) return other;
        const bytes = atob(payload.replaceAll('-', '+').replaceAll('_', '/'));
        const written = new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes, (one) => one.charCodeAt(0)));
        const said = JSON.parse(written);
        if (namesTwice(written)) return other;
        const { id, store, version, grants, refused, action, regime, language } = record;
        const facts = {
            id, store, version, grants, refused, action, regime, language,
            at: `${record.at.slice(0, 23)}Z`, banner: record.banner_sha256, sha256: record.version_sha256,
        };
        return canonical(said) === canonical(facts) ? [true, 'The receipt that the visitor’s page got says the same as the record.'] : other;
    } catch {
        return other;
    }
}

async function checkLog(file) {
    let head, entry;
    try {
        head = parseCheckpoint(parseNote(file.checkpoint).text);
        entry = await sha256(utf8.encode(canonical(file.record)));
    } catch (error) {
        if (!(error instanceof Refused)) throw error;
        return [false, `The checkpoint or the record cannot be read: ${error.message}.`];
    }
    const path = file.proof.map(decoded);
    if (path.includes(null)) return [false, 'The proof cannot be read.'];
    return await isIncluded(BigInt(file.index), head.size, await leafHash(entry), path, head.root)
        ? [true, `The record, as it stands here, is number ${file.index + 1} of ${head.size} in the log “${head.origin}”.`]
        : [false, 'The record, as it stands here, is not in the log’s tree.'];
}

async function checkSignature(file, keys) {
    try {
        const note = parseNote(file.checkpoint);
        const { origin } = parseCheckpoint(note.text);
        const signed = (await signers(note, keys)).find((key) => key.name === origin);
        return signed
            ? [true, `The checkpoint is signed by the key ${hex(signed.id)} of “${origin}”.`]
            : [false, 'The checkpoint is not signed by a key that you gave.'];
    } catch (error) {
        if (!(error instanceof Refused)) throw error;
        return [false, `The checkpoint’s signature is wrong: ${error.message}.`];
    }
}

async function verify(file, keys) {
    return Object.entries({
        record: checkRecord(file),
        receipt: checkReceipt(file),
        log: await checkLog(file),
        signature: await checkSignature(file, keys),
    });
}

// ---- words

const ACTIONS = {
    accept_all: 'accepted everything',
    reject_all: 'refused everything that can be refused',
    save: 'chose purpose by purpose',
    close: 'closed the banner',
    gpc: 'refused by the browser’s own signal',
    withdraw: 'took back what was granted before',
};
const FOUND = { header: ', found by the network’s headers', database: ', found by a place database', none: '' };

function sentences(record) {
    const at = new Date(record.at);
    const day = at.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });
    const listed = (granted) => ['preferences', 'analytics', 'marketing'].filter((name) => record.grants[name] === granted).join(', ') || 'nothing';
    const refused = record.refused.length ? ` Refused one by one: ${record.refused.join(', ')}.` : '';
    return [
        `On ${day} at ${record.at.slice(11, 19)} UTC a visitor of the store “${record.store}” ${ACTIONS[record.action]}.`,
        `Granted: ${listed(true)}. Denied: ${listed(false)}.${refused}`,
        `The visitor was in ${record.place.subdivision || record.place.country || 'an unknown place'}${FOUND[record.place.source]}, on a ${record.device}; `
            + `the rules “${record.regime}” applied; the banner spoke “${record.language}”.`,
        `The browser ${record.gpc_header || record.gpc_property ? 'sent' : 'did not send'} Global Privacy Control.`,
        `It is record ${record.seq} of the ledger, under version ${record.version} of the store.`,
    ];
}

// ---- the page

const $ = (id) => document.getElementById(id);

function add(parent, name, text, data = {}) {
    const element = document.createElement(name);
    element.textContent = text;
    Object.assign(element.dataset, data);
    parent.append(element);
}

function show(name, verdict, holds, checks = [], record = null) {
    for (const id of ['sentences', 'checks', 'fields']) $(id).replaceChildren();
    $('verdict').textContent = verdict;
    $('verdict').dataset.holds = holds;
    $('name').textContent = name;
    for (const words of record ? sentences(record) : []) add($('sentences'), 'p', words);
    for (const [check, [held, words]] of checks) add($('checks'), 'li', words, { check, holds: held });
    for (const [field, value] of record ? Object.entries(record) : []) {
        add($('fields'), 'dt', field);
        add($('fields'), 'dd', isText(value) ? value : JSON.stringify(value));
    }
    $('said').hidden = $('whole').hidden = !record;
    $('looked').hidden = !checks.length;
    $('result').hidden = false;
}

/** What somebody outside said of the checkpoint needs certificates that a page does not have. */
function tellAnchors(anchors) {
    for (const one of document.querySelectorAll('#open [data-anchor]')) one.remove();
    for (const { url } of Array.isArray(anchors) ? anchors : []) {
        add($('open'), 'li', `What ${url} said of the checkpoint: “consent receipt verify” can check it.`, { anchor: '' });
    }
}

let latest = null;

async function look(blob) {
    latest = blob;
    tellAnchors();
    try {
        if (!globalThis.crypto?.subtle) throw new Refused('This browser does not check signatures on this page: open it by https, or save it and open the file.');
        const file = read(new Uint8Array(await blob.arrayBuffer()));
        const lines = $('keys').value.split(/\s+/).filter(Boolean);
        const checks = await verify(file, await Promise.all(lines.map(parseKey)));
        const holds = checks.every(([, [held]]) => held);
        const verdict = holds ? 'Verified: the record is what the service sealed' : 'Not verified: do not rely on this file';
        tellAnchors(file.anchors);
        show(blob.name, verdict, holds, checks, isRecord(file.record) ? file.record : null);
    } catch (error) {
        show(blob.name, error instanceof Refused ? error.message : `This file cannot be checked: ${error}`, false);
    }
}

$('file').addEventListener('change', ({ target }) => {
    if (target.files[0]) look(target.files[0]);
});
$('keys').addEventListener('change', () => latest && look(latest));
for (const name of ['dragover', 'dragleave', 'drop']) {
    document.addEventListener(name, (event) => {
        event.preventDefault();
        $('drop').classList.toggle('over', name === 'dragover');
        if (name === 'drop' && event.dataTransfer.files[0]) look(event.dataTransfer.files[0]);
    });
}
