import { find, make } from "./dom.js";

/** A tab for each section, as ARIA describes them: arrow keys choose, and one tab is in the order of focus.
 *  @param {(section: string) => void} onShow */
export function startTabs(onShow) {
  const sections = [...document.querySelectorAll("section")];
  const tabs = sections.map(({ id }) => {
    const tab = make("button");
    tab.id = `tab-${id}`;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", id);
    tab.setAttribute("data-say", id);
    return tab;
  });

  /** @param {number} chosen */
  function show(chosen) {
    tabs.forEach((tab, place) => {
      tab.setAttribute("aria-selected", String(place === chosen));
      tab.tabIndex = place === chosen ? 0 : -1;
      sections[place].hidden = place !== chosen;
    });
    onShow(sections[chosen].id);
  }

  tabs.forEach((tab, place) => {
    const last = tabs.length - 1;
    tab.addEventListener("click", () => show(place));
    tab.addEventListener("keydown", (event) => {
      const next = {
        ArrowLeft: place ? place - 1 : last,
        ArrowRight: place < last ? place + 1 : 0,
        Home: 0,
        End: last,
      }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      tabs[next].focus();
      show(next);
    });
    sections[place].setAttribute("role", "tabpanel");
    sections[place].setAttribute("aria-labelledby", tab.id);
  });
  find("tabs").append(...tabs);
  show(0);
}
