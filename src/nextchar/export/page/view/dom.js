/** The element of index.html with an id; loosely typed, since the template says what it is.
 *  @param {string} id @returns {any} */
export function find(id) {
  return document.getElementById(id);
}

/** Show a text in an element. What is shown already is left alone, which costs and says nothing.
 *  @param {string} id @param {string} text */
export function put(id, text) {
  const element = find(id);
  if (element.textContent !== text) element.textContent = text;
}

/** A new element; whatever the text holds, it stays text.
 *  @template {keyof HTMLElementTagNameMap} K
 *  @param {K} tag @param {string} [text] @param {string} [className] */
export function make(tag, text = "", className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = className;
  return element;
}

/** An item of a list that holds a button. @param {string} text @param {() => void} action */
export function makeChoice(text, action) {
  const item = make("li");
  const button = item.appendChild(make("button", text));
  button.addEventListener("click", action);
  return item;
}

/** Give a section the type of code if its text is indented, as few other texts are.
 *  @param {string} section @param {string} text */
export function fitType(section, text) {
  find(section).classList.toggle("code", /^(?:\t|\x20\x20)/m.test(text));
}

/** Whether the visitor touches the screen rather than points. */
export const touch = matchMedia("(pointer: coarse)");

/** Calls the action once it has not been asked for during a while.
 *  @param {number} milliseconds @param {() => void} action */
export function debounce(milliseconds, action) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, milliseconds);
  };
}

/** A symbol by a name that can be seen. @param {string} symbol */
export function visible(symbol) {
  return { "\n": "↵", "\t": "→", " ": "␣" }[symbol] ?? symbol;
}
