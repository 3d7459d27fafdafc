"use strict";
// Marks documents by keyboard. An answer is saved before the next document comes; one that is not, says so and
// stays. Whatever comes from a document enters the page as a text node.
(() => {
  const { documents, marks } = JSON.parse(document.getElementById("data").textContent);
  const find = (selector) => document.querySelector(selector);
  const buttons = [...document.querySelectorAll("[data-mark]")];
  const note = find("#note"), status = find("#status");
  let at = Math.max(0, documents.findIndex((each) => !(each.id in marks)));
  let busy = false;

  function show() {
    const each = documents[at];
    const marked = documents.filter((one) => one.id in marks).length;
    find("#progress").textContent = `${at + 1} of ${documents.length}, ${marked} marked`;
    if (!each) return;
    const [mark, told] = marks[each.id] ?? ["", ""];
    find("#title").replaceChildren(Object.assign(document.createElement("bdi"), { textContent: each.title || each.url || each.id }));
    find("#facts").textContent = [each.source, each.language, each.url, each.id].filter(Boolean).join(" · ");
    find("#told").textContent = [each.state, ...each.reasons].join("; ");
    find("#verdict").open = false;
    find("#text").textContent = each.text + (each.rest ? `\n\n[${each.rest.toLocaleString("en-US")} more characters]` : "");
    find("#page").textContent = each.page ?? "Its page cannot be read again.";
    note.value = told;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.mark === mark));
    scrollTo(0, 0);
  }

  async function save(mark) {
    const { id } = documents[at], told = note.value;
    busy = true;
    let problem = "";
    try {
      const answer = await fetch("mark", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ id, mark, note: told }),
      });
      if (!answer.ok) problem = await answer.text();
    } catch (error) {
      problem = `${error.message}; is curate label still running?`;
    }
    busy = false;
    status.className = problem ? "bad" : "";
    status.textContent = problem ? `NOT SAVED: ${problem}` : `saved: ${mark}`;
    if (!problem) marks[id] = [mark, told];
    return !problem;
  }

  async function answer(mark) {
    if (busy || !documents.length) return;
    if (await save(mark)) {
      const rest = documents.findIndex((each, n) => n > at && !(each.id in marks));
      at = rest >= 0 ? rest : Math.min(at + 1, documents.length - 1);
      document.activeElement.blur();
      show();
    }
  }
  function step(by) {
    at = Math.min(documents.length - 1, Math.max(0, at + by));
    show();
  }

  for (const button of buttons) button.addEventListener("click", () => answer(button.dataset.mark));
  find("#previous").addEventListener("click", () => step(-1));
  find("#next").addEventListener("click", () => step(1));
  note.addEventListener("change", () => {  // of a document that is marked already
    const mark = marks[documents[at].id];
    if (mark && mark[1] !== note.value && !busy) save(mark[0]);
  });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.activeElement === note) {
      if (event.key === "Enter" || event.key === "Escape") note.blur();
      return;
    }
    const named = { k: "keep", d: "drop", u: "unsure" }[event.key];
    if (named) answer(named);
    else if (event.key === "ArrowLeft") step(-1);
    else if (event.key === "ArrowRight") step(1);
    else if (event.key === "n") { event.preventDefault(); note.focus(); }
    else if (event.key === "v") find("#verdict").open = !find("#verdict").open;
  });
  show();
  document.documentElement.dataset.ready = "true";
})();
