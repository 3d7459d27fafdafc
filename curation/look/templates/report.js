"use strict";
// What the report does once it is open: bounds that move, documents that are searched. It asks for nothing,
// and whatever comes from a document enters the page as a text node, never as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const grouped = (count) => Math.round(count).toLocaleString("en-US");
  const short = (value) => String(Number(value.toPrecision(4)));

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  const known = new Set(data.browsed.documents.map((each) => each.id));
  const identified = (id) => known.has(id)
    ? make("a", { href: `#document-${encodeURIComponent(id)}` }, make("code", {}, id))
    : make("code", {}, id);

  // --- bounds that move ---------------------------------------------------------------------------------
  const BINS = 40, WIDTH = 320, HEIGHT = 110, STEPS = 1000, SHOWN = 8;

  function unpack(text, Kind) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    return new Kind(bytes.buffer);
  }

  function whatIf(packed) {
    const { rules } = packed, characters = unpack(packed.characters, Float32Array);
    const source = unpack(packed.source, Uint16Array), documents = packed.documents;
    const fixed = unpack(packed.fixed, Uint8Array);  // rules broken by bounds that do not move
    for (const rule of rules) {
      rule.values = unpack(rule.values, Float32Array);
      rule.then = { min: rule.low, max: rule.high };
      rule.broken = broken(rule, rule.low, rule.high);
      rule.figure = all("figure[data-rule]").find((each) => each.dataset.rule === rule.name);
      rule.moved = false;
    }
    const breaks = (state) => {
      const count = Uint16Array.from(fixed);
      for (const rule of rules) for (let n = 0; n < documents; n++) count[n] += rule[state][n];
      return count;
    };
    const now = breaks("broken");
    const outNow = (n) => now[n] > 0;
    for (const rule of rules) rule.brokenThen = rule.broken;
    let waiting = false;

    function broken(rule, low, high) {
      const floor = low === null ? -Infinity : Math.fround(low);
      const ceiling = high === null ? Infinity : Math.fround(high);
      const out = new Uint8Array(documents);
      // A value that was never taken is not a number, and breaks nothing.
      for (let n = 0; n < documents; n++) out[n] = rule.values[n] < floor || rule.values[n] > ceiling ? 1 : 0;
      return out;
    }
    const across = (rule, value) => {
      const part = rule.logarithmic
        ? Math.log(Math.max(value, rule.first) / rule.first) / Math.log(rule.last / rule.first)
        : (value - rule.first) / (rule.last - rule.first);
      return Math.min(1, Math.max(0, part));
    };
    const valueAt = (rule, part) => rule.logarithmic
      ? rule.first * (rule.last / rule.first) ** part
      : rule.first + part * (rule.last - rule.first);

    function redraw(rule, then) {
      const kept = new Uint32Array(BINS), gone = new Uint32Array(BINS);
      for (let n = 0; n < documents; n++) {
        if (Number.isNaN(rule.values[n])) continue;
        const bin = Math.min(BINS - 1, Math.floor(across(rule, rule.values[n]) * BINS));
        (then[n] ? gone : kept)[bin]++;
      }
      const top = Math.max(1, ...kept.map((count, bin) => count + gone[bin]));
      for (const bar of all("g[data-bin]", rule.figure)) {
        const bin = Number(bar.dataset.bin);
        const heights = [kept[bin], gone[bin]].map((count) => (count / top) * (HEIGHT - 14));
        const [below, above] = all("rect", bar);
        below.setAttribute("height", heights[0]);
        below.setAttribute("y", HEIGHT - heights[0]);
        above.setAttribute("height", heights[1]);
        above.setAttribute("y", HEIGHT - heights[0] - heights[1]);
        find("title", bar).textContent = `${kept[bin]} kept, ${gone[bin]} removed`;
      }
      for (const mark of all("g[data-side]", rule.figure)) {
        const bound = rule.then[mark.dataset.side];
        const x = Math.min(Math.max(across(rule, bound) * WIDTH, 1), WIDTH - 1);
        const [line, text] = [find("line", mark), find("text", mark)];
        line.setAttribute("x1", x);
        line.setAttribute("x2", x);
        text.setAttribute("x", x > WIDTH / 2 ? x - 4 : x + 4);
        text.setAttribute("text-anchor", x > WIDTH / 2 ? "end" : "start");
        text.textContent = `${mark.dataset.side} ${bound.toLocaleString("en-US", { maximumSignificantDigits: 4 })}`;
      }
    }

    function told() {
      const changed = rules.flatMap((rule) => ["min", "max"]
        .filter((side) => rule.then[side] !== (side === "min" ? rule.low : rule.high))
        .map((side) => `${rule.name}.${side}=${rule.then[side]}`));
      return changed.length ? `curate whatif DIR ${changed.join(" ")}` : "";
    }

    function update() {
      waiting = false;
      const then = breaks("brokenThen");
      const rows = packed.sources.map(() => ({ documents: 0, kept: 0, gained: 0, lost: 0, charactersNow: 0, charactersThen: 0 }));
      const examples = { gained: [], lost: [] };
      for (let n = 0; n < documents; n++) {
        const row = rows[source[n]], was = !outNow(n), is = then[n] === 0;
        row.documents++;
        if (was) { row.kept++; row.charactersNow += characters[n]; }
        if (is) row.charactersThen += characters[n];
        if (was !== is) {
          const side = is ? "gained" : "lost";
          row[side]++;
          if (examples[side].length < SHOWN && n < packed.named.length) examples[side].push(n);
        }
      }
      for (const rule of rules) {
        if (rule.figure) {
          redraw(rule, then);
          const count = rule.brokenThen.reduce((sum, each) => sum + each, 0);
          find("[data-broke]", rule.figure).textContent = grouped(count);
          rule.figure.classList.toggle("moved", rule.moved);
        }
      }
      const total = rows.reduce((sum, row) => Object.fromEntries(
        Object.keys(row).map((key) => [key, (sum[key] ?? 0) + row[key]])), {});
      show(total, rows, examples);
    }

    function show(total, rows, examples) {
      const then = total.kept + total.gained - total.lost;
      find("#kept-then").textContent = grouped(then);
      find("#gained").textContent = `+${grouped(total.gained)}`;
      find("#lost").textContent = `−${grouped(total.lost)}`;
      const command = told();
      find("#command").textContent = command;
      find("#reset").disabled = !command;
      const body = find("#by-source");
      body.replaceChildren(...[["all", total], ...packed.sources.map((name, n) => [name, rows[n]])].map(
        ([name, row]) => make("tr", {}, make("th", {}, name || "–"), ...[
          row.documents, row.kept, row.gained, row.lost, row.kept + row.gained - row.lost,
          row.charactersNow, row.charactersThen,
        ].map((count, column) => make("td", { class: column > 4 ? "n wide" : "n" }, grouped(count))))));
      for (const side of ["gained", "lost"]) {
        const list = find(`#${side}-examples`);
        list.replaceChildren(...examples[side].map((n) => make("li", {},
          make("bdi", {}, packed.named[n][1] || "(no title)"), " ", identified(packed.named[n][0]))));
        list.parentElement.hidden = !examples[side].length;
      }
    }

    function move(rule, side, value) {
      rule.then[side] = value;
      rule.moved = rule.then.min !== rule.low || rule.then.max !== rule.high;
      rule.brokenThen = rule.moved ? broken(rule, rule.then.min, rule.then.max) : rule.broken;
      if (!waiting) { waiting = true; requestAnimationFrame(update); }
    }

    for (const rule of rules) {
      for (const slide of rule.figure ? all(".slide", rule.figure) : []) {
        const side = slide.dataset.side, exact = side === "min" ? rule.low : rule.high;
        const [number, range] = [find("input[type=number]", slide), find("input[type=range]", slide)];
        const set = (value) => { range.value = Math.round(across(rule, value) * STEPS); };
        rule.reset = [...(rule.reset ?? []), () => { number.value = exact; set(exact); move(rule, side, exact); }];
        number.value = exact;
        set(exact);
        number.disabled = range.disabled = false;
        range.addEventListener("input", () => {
          const value = Number(short(valueAt(rule, range.value / STEPS)));
          number.value = value;
          move(rule, side, value);
        });
        number.addEventListener("input", () => {
          if (number.value === "" || Number.isNaN(number.valueAsNumber)) return;
          set(number.valueAsNumber);
          move(rule, side, number.valueAsNumber);
        });
      }
    }
    find("#reset").addEventListener("click", () => rules.forEach((rule) => (rule.reset ?? []).forEach((each) => each())));
    find("#what-if").hidden = find("#verdict").hidden = false;
  }

  // --- documents ----------------------------------------------------------------------------------------
  const PAGE = 30;

  function browse({ documents, groups }) {
    const controls = Object.fromEntries(["group", "state", "source", "language", "reason", "search"]
      .map((name) => [name, find(`#${name}`)]));
    const list = find("#documents-list"), found = find("#found"), more = find("#more");
    const searched = documents.map((each) => [each.id, each.url, each.title,
      ...(each.text ?? []).map((part) => part[0])].join(" ").toLowerCase());
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

  function card(each, note) {
    const title = each.title || (each.text ?? []).map((part) => part[0]).join("").slice(0, 120) || each.url || each.id;
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
    const facts = make("p", { class: "facts" }, make("b", {}, each.state), ` · ${each.source} · ${each.language} · `
      + `${grouped(each.characters)} characters · `, make("bdi", {}, each.url), " · ", make("code", {}, each.id));
    const text = make("pre", { dir: "auto", tabindex: "0" });
    for (const [part, rules] of each.text ?? []) {
      text.append(rules.length ? make("mark", { "data-rules": rules.join(" ") }, part) : part);
    }
    if (each.rest) text.append(make("i", {}, `\n\n[${grouped(each.rest)} more characters]`));
    const marked = new Set((each.text ?? []).flatMap((part) => part[1]));
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
    const left = make("div", {}, make("h4", {}, "Extracted text"),
      each.text === null ? make("p", { class: "none" }, "Its text was not stored.") : text);
    const page = make("pre", { dir: "auto", tabindex: "0" }, each.page ?? "");
    if (each.page_rest) page.append(make("i", {}, `\n\n[${grouped(each.page_rest)} more characters]`));
    const right = make("div", {}, make("h4", {}, "All the text of the page"),
      each.page === null ? make("p", { class: "none" }, `Not shown: ${each.missing}.`) : page);
    return [facts, ...(each.reasons.length ? [reasons] : []), make("div", { class: "sides" }, left, right)];
  }

  if (data.what_if.rules) whatIf(data.what_if);
  browse(data.browsed);
  document.documentElement.dataset.ready = "true";
})();
