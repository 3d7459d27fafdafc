// Documents that are searched, and shown as cards: closed, a card says what became of the document and how its
// text begins; open, it has the text beside that of its page. Cards are made as they are needed.
const PAGE = 30;
const REASONS_SHOWN = 3, PREVIEW = 600;  // on a closed card; its characters, more than fit

function browse({ documents, groups }) {
  const controls = Object.fromEntries(["group", "state", "source", "language", "reason", "search"]
    .map((name) => [name, find(`#${name}`)]));
  const list = find("#documents-list"), status = find("#found"), more = find("#more");
  const searched = documents.map((doc) => [doc.id, doc.url, doc.title, ...textParts(doc)].join(" ").toLowerCase());
  let matches = [], shown = 0;

  const option = (value, text) => make("option", { value }, text);
  const counted = (valuesOf) => {
    const counts = new Map();
    for (const doc of documents) for (const value of valuesOf(doc)) counts.set(value, (counts.get(value) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  };
  const fill = (control, valuesOf) => control.append(...counted(valuesOf).map(([value, count]) => option(value, `${value} (${count})`)));
  fill(controls.state, (doc) => [doc.state]);
  fill(controls.source, (doc) => [doc.source]);
  fill(controls.language, (doc) => [doc.language]);
  fill(controls.reason, (doc) => new Set(doc.reasons.map(([name]) => name)));
  for (const kind of new Set(groups.map((group) => group.kind))) {
    const part = make("optgroup", { label: kind });
    groups.forEach((group, n) => group.kind === kind && part.append(option(n, `${group.name} (${group.items.length})`)));
    controls.group.append(part);
  }

  function select() {
    const words = controls.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const group = controls.group.value === "" ? null : groups[Number(controls.group.value)];
    const items = group ? group.items : documents.map((_, n) => [n, ""]);
    const { state, source, language, reason } = controls;
    matches = items.filter(([n]) => {
      const doc = documents[n];
      return (!state.value || doc.state === state.value)
        && (!source.value || doc.source === source.value)
        && (!language.value || doc.language === language.value)
        && (!reason.value || doc.reasons.some(([name]) => name === reason.value))
        && words.every((word) => searched[n].includes(word));
    });
    status.textContent = `${grouped(matches.length)} of ${grouped(items.length)} documents`
      + (group && group.about ? `. ${group.about}` : "");
    list.replaceChildren();
    shown = 0;
    add();
  }
  function add() {
    for (const [n, note] of matches.slice(shown, shown + PAGE)) list.append(card(documents[n], note, controls.reason.value));
    shown = Math.min(matches.length, shown + PAGE);
    more.hidden = shown >= matches.length;
  }
  for (const control of Object.values(controls)) {
    control.addEventListener(control.tagName === "SELECT" ? "change" : "input", select);
  }
  more.addEventListener("click", add);

  // #document-ID opens it; #group-NAME, #state-NAME and #reason-NAME show theirs.
  function jump() {
    const [, kind, name] = /^(document|group|state|reason)-(.*)$/.exec(decodeURIComponent(location.hash.slice(1))) ?? [];
    if (!kind) return;
    for (const control of Object.values(controls)) control.value = "";
    if (kind === "document") controls.search.value = name;
    else controls[kind].value = kind === "group" ? groups.findIndex((group) => group.name === name) : name;
    select();
    const first = find("details", list);
    if (first) { first.open = kind === "document"; find("summary", first).focus(); }
    find("#documents").scrollIntoView();
  }
  function move(by) {
    const at = [...list.children].indexOf(document.activeElement.closest(".card")) + by;
    if (at >= shown) add();
    const next = list.children[Math.min(shown - 1, Math.max(0, at))];
    if (next) find("summary", next).focus();
  }
  function close() {
    const open = document.activeElement.closest(".card[open]");
    if (open) { open.open = false; find("summary", open).focus(); }
  }
  addEventListener("hashchange", jump);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === controls.search && event.key === "Enter") return move(1);
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (event.key === "/") { event.preventDefault(); controls.search.focus(); }
    if (event.key === "j") move(1);
    if (event.key === "k") move(-1);
    if (event.key === "Escape") close();
  });
  select();
  jump();
}

// What a card has of a text; parts of no reasons say how much is left out.
const textParts = (doc) => (doc.text ?? []).filter(([, reasons]) => reasons).map(([part]) => part);

const cut = (text, most) => text.length <= most ? text : `${text.slice(0, most).replace(/\s+\S*$/, "")} …`;

const edited = (doc) => doc.received !== null && doc.received !== doc.characters;
const length = (doc) => edited(doc)
  ? `${grouped(doc.received)} characters, ${grouped(doc.characters)} after the filter's edits`
  : `${grouped(doc.characters)} characters`;

function card(doc, note, reason) {  // the reason chosen comes first
  const start = textParts(doc).join("").slice(0, PREVIEW).replace(/\s*\n\s*/g, "\n").trim();
  const title = doc.title || cut(start, 120) || doc.url || doc.id;
  const why = doc.reasons.toSorted(([a], [b]) => (b === reason) - (a === reason)).slice(0, REASONS_SHOWN).map(([, words]) => words);
  if (doc.reasons.length > REASONS_SHOWN) why.push(`${doc.reasons.length - REASONS_SHOWN} more`);
  const head = make("summary", {},
    make("span", { class: "state" }, make("span", { class: `key ${doc.state}` }), doc.state), " ",
    ...(note ? [make("b", {}, note), " "] : []), make("bdi", { class: "title" }, title),
    make("span", { class: "hint" }, ` ${doc.source} · ${doc.language} · ${length(doc)}`));
  if (why.length) head.append(make("span", { class: "why" }, why.join(" · ")));
  head.append(make("span", { class: "preview", dir: "auto" }, start || "No text is stored."));
  const out = make("details", { class: `card ${doc.state}` }, head);
  out.addEventListener("toggle", () => {
    if (out.childElementCount === 1) {
      out.append(...inside(doc));
      const text = find("pre", out), mark = text && find("mark", text);
      if (mark) text.scrollTop = mark.offsetTop - text.offsetTop - 60;
    }
    if (out.open && document.activeElement === head) out.scrollIntoView({ block: "nearest" });
  });
  return out;
}

function inside(doc) {
  const facts = make("p", { class: "facts" }, make("bdi", {}, doc.url), " · ", make("code", {}, doc.id));
  const text = make("pre", { dir: "auto", tabindex: "0" });
  for (const [part, reasons] of doc.text ?? []) {
    text.append(!reasons ? make("i", {}, `\n\n[${part}]\n\n`) : reasons.length ? make("mark", { "data-rules": reasons.join(" ") }, part) : part);
  }
  if (doc.rest) text.append(make("i", {}, `\n\n[${grouped(doc.rest)} more characters]`));
  const marked = new Set((doc.text ?? []).flatMap(([, reasons]) => reasons ?? []));
  const reasons = make("ul", { class: "reasons" }, ...doc.reasons.map(([, words], n) => {
    if (!marked.has(n)) return make("li", {}, words);
    const button = make("button", { type: "button", "aria-pressed": "false", title: "mark only what breaks this rule" }, words);
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      for (const other of all("button", reasons)) other.setAttribute("aria-pressed", String(other === button && on));
      for (const mark of all("mark", text)) {
        mark.classList.toggle("off", on && !mark.dataset.rules.split(" ").includes(String(n)));
      }
    });
    return make("li", {}, button);
  }));
  const left = make("div", {}, make("h4", {}, edited(doc) ? "Extracted text, before the filter's edits: its rules saw what they left" : "Extracted text"),
    doc.text === null ? make("p", { class: "none" }, "Its text was not stored.") : text);
  const page = make("pre", { dir: "auto", tabindex: "0" }, doc.page ?? "");
  if (doc.page_rest) page.append(make("i", {}, `\n\n[${grouped(doc.page_rest)} more characters]`));
  const right = make("div", {}, make("h4", {}, "All the text of the page"),
    doc.page === null ? make("p", { class: "none" }, `Not shown: ${doc.missing}.`) : page);
  return [facts, ...(doc.reasons.length ? [reasons] : []), make("div", { class: "sides" }, left, right)];
}
