"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const text = byId("text");
  const data = JSON.parse(byId("data").textContent);
  const all = Array.from(text.getElementsByTagName("i"));
  const lineStarts = [];
  let place = 0;
  for (const line of text.children) {
    lineStarts.push(place);
    for (const character of line.children) character.place = place++;
  }
  let here = 0;

  const shown = (place) => {
    const content = all[place].textContent;
    return { "\n": "↵ line break", "\t": "→ tab", " ": "␣ space" }[content] || content;
  };
  const percent = (p) => `${p >= 0.0995 ? (100 * p).toFixed(0) : (100 * p).toPrecision(2)} %`;
  const bits = (hundredths) => `${(hundredths / 100).toFixed(2)} bits`;

  function describe(place) {
    const cost = data.bits[place];
    let said = "was left out, since it is not in the vocabulary";
    if (cost !== null && data.alternatives[place].length === 0) {
      said = "comes first, and nothing predicted it";
    } else if (cost !== null) {
      said = `cost ${bits(cost)}, probability ${percent(2 ** (-cost / 100))}; the model expected `
        + `${bits(data.expected[place])} here`;
      if (all[place].classList.contains("u")) said += ", and read it as <unk>, which costs too little";
      said += data.several ? ". Its guesses at the most surprising symbol:" : ". Its guesses:";
    }
    byId("said").textContent = `“\u2068${shown(place)}\u2069” ${said}`;
    byId("expected").replaceChildren(...data.alternatives[place].map((name, rank) => {
      const p = data.probabilities[place][rank] / 1000;
      const [row, symbol, bar, value] = ["li", "code", "span", "data"].map((tag) => document.createElement(tag));
      symbol.textContent = data.names[name];
      bar.style.width = `${100 * p}%`;
      value.textContent = p < 0.001 ? "<0.1 %" : percent(p);
      row.append(symbol, bar, value);
      return row;
    }));
  }

  function go(place) {
    all[here].classList.remove("here");
    here = Math.max(0, Math.min(all.length - 1, place));
    all[here].classList.add("here");
    all[here].scrollIntoView({ block: "nearest" });
    describe(here);
  }

  function lineOf(place) {
    let [low, high] = [0, lineStarts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (lineStarts[middle] <= place) low = middle; else high = middle;
    }
    return low;
  }
  const endOf = (line) => (lineStarts[line + 1] ?? all.length) - 1;

  function aLineAway(step) {
    const line = lineOf(here);
    const other = Math.max(0, Math.min(lineStarts.length - 1, line + step));
    return Math.min(lineStarts[other] + here - lineStarts[line], endOf(other));
  }

  function surprising(step) {
    const starts = data.surprising.map(([start]) => start);
    const next = step > 0 ? starts.find((start) => start > here) : starts.findLast((start) => start < here);
    return next ?? here;
  }

  const moves = {
    ArrowLeft: () => here - 1,
    ArrowRight: () => here + 1,
    ArrowUp: () => aLineAway(-1),
    ArrowDown: () => aLineAway(1),
    Home: (whole) => (whole ? 0 : lineStarts[lineOf(here)]),
    End: (whole) => (whole ? all.length - 1 : endOf(lineOf(here))),
    n: () => surprising(1),
    p: () => surprising(-1),
  };

  text.tabIndex = 0;
  text.setAttribute("role", "application");
  text.setAttribute("aria-label", "The text, character by character");
  text.setAttribute("aria-describedby", "keys");
  byId("details").hidden = false;
  byId("said").textContent = "Point at a character, or move to the text and use the keys.";

  text.addEventListener("keydown", (event) => {
    const move = moves[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    const isEdge = event.key === "Home" || event.key === "End";
    if (!move || event.altKey || event.metaKey || (event.ctrlKey && !isEdge)) return;
    event.preventDefault();
    go(move(event.ctrlKey));
  });
  text.addEventListener("focus", () => go(here));
  text.addEventListener("mouseover", (event) => {
    if (event.target.place !== undefined) describe(event.target.place);
  });
  text.addEventListener("mouseleave", () => describe(here));
  text.addEventListener("click", (event) => {
    if (event.target.place !== undefined) go(event.target.place);
  });
  for (const element of document.querySelectorAll("nav a, #overview rect")) {
    element.addEventListener("click", (event) => {
      event.preventDefault();
      go(Number(element.dataset.at));
      all[here].scrollIntoView({ block: "center" });
      text.focus({ preventScroll: true });
    });
  }
})();
