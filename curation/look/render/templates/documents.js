// Documents that are searched, and shown as cards.
const PAGE = 30;

function browse({ documents, groups }) {
  const controls = Object.fromEntries(["group", "state", "source", "language", "reason", "search"]
    .map((name) => [name, find(`#${name}`)]));
  const list = find("#documents-list"), found = find("#found"), more = find("#more");
  const searched = documents.map((each) => [each.id, each.url, each.title,
    ...read(each)].join(" ").toLowerCase());
  let matches = [], shown = 0;

  const option = (value, text) => make("option", { value }, text);
  const values = (of) => {
    const counts = new Map();
    for (const each of documents) for (const value of of(each)) counts.set(value, (counts.get(value) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  };
  const fill = (control, of) => control.append(...values(of).map(([value, count]) => option(value, `${value} (${count})`)));
  fill(controls.state, (each) => [each.state]);
  fill(controls.source, (each) => [each.source]);
  fill(controls.language, (each) => [each.language]);
  fill(controls.reason, (each) => new Set(each.reasons.map((reason) => reason[0])));
  for (const kind of new Set(groups.map((each) => each.kind))) {
    const part = make("optgroup", { label: kind });
    groups.forEach((each, n) => each.kind === kind && part.append(option(n, `${each.name} (${each.items.length})`)));
    controls.group.append(part);
  }

  function select() {
    const words = controls.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const group = controls.group.value === "" ? null : groups[Number(controls.group.value)];
    const items = group ? group.items : documents.map((_, n) => [n, ""]);
    const asked = (name) => controls[name].value;
    matches = items.filter(([n]) => {
      const each = documents[n];
      return (!asked("state") || each.state === asked("state"))
        && (!asked("source") || each.source === asked("source"))
        && (!asked("language") || each.language === asked("language"))
        && (!asked("reason") || each.reasons.some((reason) => reason[0] === asked("reason")))
        && words.every((word) => searched[n].includes(word));
    });
    found.textContent = `${grouped(matches.length)} of ${grouped(items.length)} documents`
      + (group && group.about ? `. ${group.about}` : "");
    list.replaceChildren();
    shown = 0;
    add();
  }
  function add() {
    for (const [n, note] of matches.slice(shown, shown + PAGE)) list.append(card(documents[n], note));
    shown = Math.min(matches.length, shown + PAGE);
    more.hidden = shown >= matches.length;
  }
  for (const control of Object.values(controls)) {
    control.addEventListener(control.tagName === "SELECT" ? "change" : "input", select);
  }
  more.addEventListener("click", add);

  function jump() {
    const [, kind, name] = /^(document|group)-(.*)$/.exec(decodeURIComponent(location.hash.slice(1))) ?? [];
    if (!kind) return;
    for (const control of Object.values(controls)) control.value = "";
    if (kind === "group") controls.group.value = groups.findIndex((each) => each.name === name);
    else controls.search.value = name;
    select();
    const first = find("details", list);
    if (first) { first.open = kind === "document"; find("summary", first).focus(); }
    find("#documents").scrollIntoView();
  }
  addEventListener("hashchange", jump);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (event.key === "/") { event.preventDefault(); controls.search.focus(); }
    if (event.key === "j" || event.key === "k") {
      const heads = all("summary", list), at = heads.indexOf(document.activeElement);
      heads[Math.min(heads.length - 1, Math.max(0, at + (event.key === "j" ? 1 : -1)))]?.focus();
    }
  });
  select();
  jump();
}

// What a card shows of a text; parts of no reasons say how much is left out.
const read = (each) => (each.text ?? []).filter((part) => part[1]).map((part) => part[0]);

const cut = (text, most) => text.length <= most ? text : `${text.slice(0, most).replace(/\s+\S*$/, "")} …`;

function card(each, note) {
  const title = each.title || cut(read(each).join(""), 120) || each.url || each.id;
  const head = make("summary", {}, ...(note ? [make("b", {}, note), " "] : []), make("bdi", {}, title));
  const out = make("details", { class: `card ${each.state}` }, head);
  out.addEventListener("toggle", () => { 
    if (out.childElementCount > 1) return;
    out.append(...inside(each));
    const text = find("pre", out), mark = text && find("mark", text);
    if (mark) text.scrollTop = mark.offsetTop - text.offsetTop - 60;
  });
  return out;
}

function inside(each) {
  const edited = each.received !== null && each.received !== each.characters;
  const length = `${grouped(each.characters)} characters`
    + (edited ? ` after the filter's edits, ${grouped(each.received)} before` : "");
  const facts = make("p", { class: "facts" }, make("b", {}, each.state), ` · ${each.source} · ${each.language} · `
    + `${length} · `, make("bdi", {}, each.url), " · ", make("code", {}, each.id));
  const text = make("pre", { dir: "auto", tabindex: "0" });
  for (const [part, rules] of each.text ?? []) {
    text.append(!rules ? make("i", {}, `\n\n[${part}]\n\n`) : rules.length ? make("mark", { "data-rules": rules.join(" ") }, part) : part);
  }
  if (each.rest) text.append(make("i", {}, `\n\n[${grouped(each.rest)} more characters]`));
  const marked = new Set((each.text ?? []).flatMap((part) => part[1] ?? []));
  const reasons = make("ul", { class: "reasons" }, ...each.reasons.map(([, told], n) => {
    if (!marked.has(n)) return make("li", {}, told);
    const button = make("button", { type: "button", "aria-pressed": "false", title: "mark only what breaks this rule" }, told);
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      for (const other of all("button", reasons)) other.setAttribute("aria-pressed", String(other === button && on));
      for (const mark of all("mark", text)) {
        mark.classList.toggle("off", on && !mark.dataset.rules.split(" ").includes(String(n)));
      }
    });
    return make("li", {}, button);
  }));
  const left = make("div", {}, make("h4", {}, edited ? "Extracted text, before the filter's edits: its rules saw what they left" : "Extracted text"),
    each.text === null ? make("p", { class: "none" }, "Its text was not stored.") : text);
  const page = make("pre", { dir: "auto", tabindex: "0" }, each.page ?? "");
  if (each.page_rest) page.append(make("i", {}, `\n\n[${grouped(each.page_rest)} more characters]`));
  const right = make("div", {}, make("h4", {}, "All the text of the page"),
    each.page === null ? make("p", { class: "none" }, `Not shown: ${each.missing}.`) : page);
  return [facts, ...(each.reasons.length ? [reasons] : []), make("div", { class: "sides" }, left, right)];
}
