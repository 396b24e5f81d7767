import { find, put, visible } from "./dom.js";
import { strings } from "./strings.js";

/** @typedef {keyof typeof strings.en} Key */
/** @typedef {Record<string, string | number>} Values */

/** @type {"en" | "ko"} */
let language = "en";
/** @type {(() => void)[]} */
const listeners = [];
/** @type {[Key, Values?]} */
let state = ["opening"];

/** @param {number} value @param {number} [digits] digits after the point */
export function number(value, digits = 0) {
  const format = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  // A number that rounds to zero has no sign.
  const rounded = Number(value.toFixed(digits)) + 0;
  return new Intl.NumberFormat(language, format).format(rounded).replace("-", "−");
}

/** @param {number} share */
export function percent(share) {
  return `${number(100 * share, share < 0.0995 ? 1 : 0)} %`;
}

/** The phrase of a key in the language of the page. @param {Key} key @param {Values} [values] */
export function say(key, values = {}) {
  return strings[language][key].replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? number(value) : value;
  });
}

/** Say how the model is. @param {Key} key @param {Values} [values] */
export function tell(key, values) {
  state = [key, values];
  // The style sheet shows what belongs to a section there alone.
  find("status").dataset.key = key;
  tellAgain();
}

export function tellAgain() {
  put("state", say(...state));
}

/** Say how much of a long text is read, in steps that a reader of the screen can follow.
 *  @param {number} share */
export function tellReading(share) {
  put("state", say("reading", { p: `${5 * Math.floor(share * 20)} %` }));
}

/** Say which characters the model does not know. @param {string[]} characters */
export function sayUnknown(characters) {
  const list = [...new Set(characters)].slice(0, 20).map(visible).join(" ");
  return list && say("unknown", { n: characters.length, list });
}

/** Calls back at each change of language. @param {() => void} listener */
export function onLanguage(listener) {
  listeners.push(listener);
}

/** @param {string | null} chosen */
export function setLanguage(chosen) {
  language = chosen === "ko" ? "ko" : "en";
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-say]")) {
    // A label keeps the field that stands after its words.
    const words = element.firstChild ?? element.appendChild(new Text());
    words.textContent = `${say(/** @type {Key} */ (element.getAttribute("data-say")))} `;
  }
  for (const button of document.querySelectorAll("button[lang]")) {
    button.setAttribute("aria-pressed", String(button.getAttribute("lang") === language));
  }
  tellAgain();
  for (const listener of listeners) listener();
}
