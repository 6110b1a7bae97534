'use strict';

// Diffs: built from their data when somebody opens them.

// side makes the two cells of one side of a row; line is null where the other side has no
// counterpart.
function side(line, number) {
  const no = document.createElement('td');
  no.className = 'no';
  const cell = document.createElement('td');
  if (line === null) {
    cell.className = 'none';
    return [no, cell];
  }
  no.textContent = number;
  const [op, ...pieces] = line;
  if (op !== ' ') {
    no.classList.add(op === '-' ? 'gone' : 'come');
    cell.className = op === '-' ? 'gone' : 'come';
    cell.dataset.op = op === '-' ? '−' : '+';
  }
  for (const piece of pieces) {
    if (typeof piece === 'string') {
      cell.append(piece);
      continue;
    }
    const [kind, text] = piece;
    const element = document.createElement(!kind.endsWith('m') ? 'span' : op === '-' ? 'del' : 'ins');
    element.className = kind.replace('m', '');
    element.textContent = text;
    cell.append(element);
  }
  return [no, cell];
}

// pairs puts the lines of a hunk side by side: the n-th removed one stands beside the n-th
// added one.
function* pairs([before, after, , lines]) {
  for (let i = 0; i < lines.length;) {
    if (lines[i][0] === ' ') {
      yield [lines[i], before++, lines[i], after++];
      i++;
      continue;
    }
    const gone = [], come = [];
    for (; i < lines.length && lines[i][0] === '-'; i++) gone.push(lines[i]);
    for (; i < lines.length && lines[i][0] === '+'; i++) come.push(lines[i]);
    for (let n = 0; n < Math.max(gone.length, come.length); n++) {
      yield [
        n < gone.length ? gone[n] : null, n < gone.length ? before++ : 0,
        n < come.length ? come[n] : null, n < come.length ? after++ : 0,
      ];
    }
  }
}

// sideBySide makes the cells of the rows of a hunk; only is the side of a file that has no
// other one.
function* sideBySide(hunk, only) {
  for (const [old, oldNo, now, nowNo] of pairs(hunk)) {
    yield [...(only === 'after' ? [] : side(old, oldNo)), ...(only === 'before' ? [] : side(now, nowNo))];
  }
}

// unified makes the cells of the rows of a hunk, one below the other, as a patch has them.
function* unified([before, after, , lines]) {
  for (const line of lines) {
    const [no, cell] = side(line, line[0] === '+' ? '' : before++);
    const other = no.cloneNode();
    other.textContent = line[0] === '-' ? '' : after++;
    yield [no, other, cell];
  }
}

// Where there is no room for two sides: a small screen, and paper.
const narrow = matchMedia('(max-width: 60rem)');
let printing = false;

function table(hunks, name, only) {
  const one = !only && (printing || narrow.matches);
  const sides = only ? [only] : one ? ['before, after'] : ['before', 'after'];
  const kinds = one ? ['no', 'no', 'code'] : ['no', 'code'];
  const out = document.createElement('table');
  out.className = one ? 'diff unified' : 'diff';
  const caption = out.createCaption();
  caption.className = 'unseen';
  caption.textContent = 'Changes of ' + name;
  const columns = document.createElement('colgroup');
  const head = out.createTHead().insertRow();
  for (const name of sides) {
    for (const kind of kinds) columns.append(Object.assign(document.createElement('col'), {className: kind}));
    head.append(Object.assign(document.createElement('th'), {colSpan: kinds.length, scope: 'col', textContent: name}));
  }
  caption.after(columns);
  const body = out.createTBody();
  hunks.forEach((hunk, i) => {
    if (i > 0 || hunk[2]) {
      body.insertRow().append(Object.assign(document.createElement('th'), {colSpan: kinds.length * sides.length, textContent: '⋯ ' + hunk[2]}));
    }
    for (const cells of one ? unified(hunk) : sideBySide(hunk, only)) body.insertRow().append(...cells);
  });
  return out;
}

function fill(file) {
  if (file.dataset.diff && !file.querySelector('.diff')) {
    const data = JSON.parse(document.getElementById(file.dataset.diff).textContent);
    file.append(table(data, file.querySelector('code').textContent, file.dataset.side));
  }
}

// fillOpen builds the diffs that can be seen within an element.
function fillOpen(within) {
  for (const file of within.querySelectorAll('.file[open]')) {
    if (!file.parentElement.closest('details:not([open])')) fill(file);
  }
}

// rebuild makes all diffs anew that were made.
function rebuild() {
  for (const diff of document.querySelectorAll('.diff')) diff.remove();
  fillOpen(document);
}

// The event does not bubble; capturing sees it all the same. There is one for what is open
// from the start as well, which nobody sees as long as something around it is closed.
document.addEventListener('toggle', ({target}) => {
  if (!target.open || target.parentElement.closest('details:not([open])')) return;
  fill(target);
  fillOpen(target);
}, true);

function fold() {
  document.getElementById('folded').open = !narrow.matches;
}
fold();
narrow.addEventListener('change', () => {
  fold();
  rebuild();
});

// Filters. They live in the address, so that a view can be shared.

const filters = document.getElementById('filters');
const names = ['owner', 'rule', 'tier', 'state', 'text'];
const units = [...document.querySelectorAll('.unit')].map(element => ({
  element,
  owners: element.dataset.owners.split('\n').filter(Boolean),
  state: element.dataset.state,
  title: element.dataset.text,
  findings: [...element.querySelectorAll(':scope > .finding')].map(finding => ({
    element: finding, rule: finding.dataset.rule, tier: finding.dataset.tier, text: finding.dataset.text,
  })),
}));
const total = units.reduce((n, unit) => n + unit.findings.length, 0);

function show() {
  const want = Object.fromEntries(names.map(name => [name, filters.elements[name].value]));
  const text = want.text.trim().toLowerCase();
  let shownUnits = 0, shownFindings = 0;
  for (const unit of units) {
    const fits = (!want.owner || unit.owners.includes(want.owner)) && (!want.state || unit.state === want.state);
    const named = unit.title.includes(text);
    let some = !want.rule && !want.tier && named;
    let count = 0;
    for (const finding of unit.findings) {
      const wanted = (!want.rule || finding.rule === want.rule) && (!want.tier || finding.tier === want.tier) &&
        (named || finding.text.includes(text));
      finding.element.hidden = !wanted;
      if (wanted) count++;
    }
    some = fits && (some || count > 0);
    unit.element.hidden = !some;
    if (some) {
      shownUnits++;
      shownFindings += count;
    }
  }
  const number = n => n.toLocaleString('en');
  document.getElementById('shown').textContent =
    `${number(shownFindings)} of ${number(total)} findings in ${number(shownUnits)} of ${number(units.length)} units`;
  document.getElementById('nothing').hidden = shownUnits > 0;
}

function store() {
  const chosen = new URLSearchParams(names.map(name => [name, filters.elements[name].value]).filter(pair => pair[1]));
  history.replaceState(null, '', chosen.size ? '#' + chosen : location.pathname + location.search);
}

function load() {
  const chosen = new URLSearchParams(location.hash.slice(1));
  for (const name of names) filters.elements[name].value = chosen.get(name) ?? '';
  show();
}

function change() {
  store();
  show();
}

let waiting;
filters.addEventListener('input', () => {
  clearTimeout(waiting);
  waiting = setTimeout(change, 100);
});
filters.addEventListener('submit', event => event.preventDefault());
filters.addEventListener('reset', () => setTimeout(change));
addEventListener('hashchange', load);
document.querySelector('.summary').addEventListener('click', ({target}) => {
  if (target.tagName !== 'BUTTON') return;
  for (const name of names) filters.elements[name].value = target.dataset[name] ?? '';
  change();
});

// Opening and closing.

const openAtOnce = 100; // findings; more would take the browser long

// openShown opens the first findings that the filters leave, and returns how many they leave
// and what was closed before.
function openShown() {
  const found = [...document.querySelectorAll('.unit:not([hidden]) > .finding:not([hidden])')];
  const closed = found.slice(0, openAtOnce).flatMap(finding => [finding, finding.parentElement]).filter(element => !element.open);
  for (const element of closed) element.open = true;
  return {found, closed};
}

document.getElementById('open').addEventListener('click', () => {
  const {found} = openShown();
  if (found.length > openAtOnce) {
    document.getElementById('shown').textContent = `the first ${openAtOnce} of ${found.length} findings are open`;
  }
});
document.getElementById('close').addEventListener('click', () => {
  for (const element of document.querySelectorAll('.finding[open], .unit[open]')) element.open = false;
});

// Paper has what is open; where nothing is, what the filters leave.
let opened = [];
addEventListener('beforeprint', () => {
  printing = true;
  opened = document.querySelector('.finding[open]') ? [] : openShown().closed;
  rebuild();
});
addEventListener('afterprint', () => {
  printing = false;
  for (const element of opened) element.open = false;
  rebuild();
});

document.getElementById('theme').addEventListener('change', ({target}) => {
  document.documentElement.dataset.theme = target.value;
});

// Keys.

document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (event.key === '/') {
    filters.elements.text.focus();
    event.preventDefault();
    return;
  }
  const step = {j: 1, k: -1}[event.key];
  if (!step) return;
  const lines = [...document.querySelectorAll('main summary')].filter(line => line.checkVisibility());
  const at = lines.indexOf(document.activeElement);
  const next = lines[at < 0 ? (step > 0 ? 0 : lines.length - 1) : at + step];
  next?.focus();
  next?.scrollIntoView({block: 'nearest'});
});

load();
