import { put } from "./dom.js";
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
  return new Intl.NumberFormat(language, format).format(value).replace("-", "−");
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
  put("state", say(key, values));
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
  tell(...state);
  for (const listener of listeners) listener();
}
