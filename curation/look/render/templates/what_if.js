// Bounds that move.
const BINS = 40, WIDTH = 320, HEIGHT = 110, SHOWN = 8;
// Steps of a slider; where values lie beyond the axis, RIM of them lead from its end to the outermost value.
const STEPS = 1000, RIM = 60;

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
  const between = (part, from, to) => from + part * (to - from);
  const ends = (rule) => [rule.below ? RIM : 0, rule.above ? STEPS - RIM : STEPS];
  function stepOf(rule, value) {
    const [start, end] = ends(rule);
    if (rule.below && value < rule.first) return start * (value - rule.least) / (rule.first - rule.least);
    if (rule.above && value > rule.last) return between((value - rule.last) / (rule.most - rule.last), end, STEPS);
    return between(across(rule, value), start, end);
  }
  function valueAt(rule, step) {  // the first and the last step let every value pass
    const [start, end] = ends(rule);
    if (step <= 0) return rule.least;
    if (step >= STEPS) return rule.most;
    if (step < start) return between(step / start, rule.least, rule.first);
    if (step > end) return between((step - end) / (STEPS - end), rule.last, rule.most);
    const part = (step - start) / (end - start);
    return rule.logarithmic ? rule.first * (rule.last / rule.first) ** part : between(part, rule.first, rule.last);
  }

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
      ].map((count) => make("td", { class: "n" }, grouped(count))))));
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
      const set = (value) => { range.value = Math.round(stepOf(rule, value)); };
      rule.reset = [...(rule.reset ?? []), () => { number.value = exact; set(exact); move(rule, side, exact); }];
      number.value = exact;
      set(exact);
      number.disabled = range.disabled = false;
      range.addEventListener("input", () => {
        const value = Number(short(valueAt(rule, Number(range.value))));
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
