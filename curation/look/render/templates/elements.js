"use strict";
// What the report does once it is open: bounds that move, documents that are searched. It asks for nothing,
// and whatever comes from a document enters the page as a text node, never as markup.
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

const known = new Set(data.browsed.documents.map((doc) => doc.id));
const identified = (id) => known.has(id)
  ? make("a", { href: `#document-${encodeURIComponent(id)}` }, make("code", {}, id))
  : make("code", {}, id);
