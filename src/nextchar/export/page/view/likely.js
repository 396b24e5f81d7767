import { find, make, makeChoice } from "./dom.js";
import { percent, say } from "./language.js";

/** Starts the list of the likeliest next characters; returns how to show others.
 *  The buttons stay the same, so that focus stays where it is.
 *  @param {(text: string) => void} onChoose */
export function startLikely(onChoose) {
  /** @type {{ text: string, shown: string, probability: number }[]} */
  let characters = [];
  const items = [0, 1, 2, 3, 4].map((place) => {
    const item = makeChoice("", () => onChoose(characters[place].text));
    item.children[0].append(make("b"), make("i"), make("span"));
    return item;
  });
  find("likely").append(...items);

  return (latest = characters) => {
    characters = latest;
    items.forEach((item, place) => {
      item.hidden = !characters[place];
      if (item.hidden) return;
      const { text, shown, probability } = characters[place];
      const button = item.children[0];
      const [name, bar, share] = /** @type {any} */ (button.children);
      const p = percent(probability);
      name.textContent = shown;
      bar.style.width = `${100 * probability}%`;
      share.textContent = p;
      button.setAttribute("aria-label", say("insert", { shown, p }));
      button.setAttribute("aria-disabled", String(!text));
    });
  };
}
