"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const text = byId("text");
  if (!text) return;
  const data = JSON.parse(byId("data").textContent);
  const letters = Array.from(text.getElementsByTagName("i"));
  const said = byId("said");
  const chosen = byId("series");
  const unit = byId("unit");
  const named = byId("named");
  const colouring = byId("colouring");
  let here = 0;

  const numbers = (base64) => Int8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const series = data.series.map((each) => ({ ...each, values: numbers(each.values) }));
  const memory = { ...data.memory, values: numbers(data.memory.values) };
  const current = () => series[Number(chosen.value)];
  const index = () => Number(unit.value) - 1;

  const shown = (place) => {
    const content = letters[place].textContent;
    return { "\n": "line break", "\t": "tab", " ": "space" }[content] || content;
  };
  const level = (share) => Math.sign(share) * Math.ceil(Math.min(1, Math.abs(share)) * 4 - 0.25);

  function paint() {
    const isMemory = colouring.value === "memory";
    const which = index();
    const { units, values } = current();
    letters.forEach((letter, place) => {
      let at = 0;
      if (!isMemory) {
        at = level(values[place * units + which] / 127);
      } else if (place <= here && here - place < memory.reach) {
        at = level(memory.values[here * memory.reach + here - place] / 127);
      }
      letter.className = (at ? `v${at}` : "") + (place === here ? " here" : "")
        + (letter.dataset.break ? " break" : "");
    });
    describe();
  }

  function describe() {
    let sentence = `Symbol ${here + 1}, ${shown(here)}: `;
    if (colouring.value === "memory") {
      const shares = [];
      for (let lag = 0; lag < memory.reach && lag <= here; lag += 1) {
        const share = memory.values[here * memory.reach + lag];
        if (share > 0) shares.push([share, lag]);
      }
      shares.sort((a, b) => b[0] - a[0]);
      const names = shares.slice(0, 3).map(([, lag]) => `${shown(here - lag)} (${lag} back)`);
      sentence += names.length
        ? `the prediction after it depends most on ${names.join(", ")}.`
        : "its prediction was not measured, so close to an end of the text.";
    } else {
      const { name, quantity, units, values, scale } = current();
      const row = Array.from(values.subarray(here * units, (here + 1) * units));
      const order = row.map((_, each) => each).sort((a, b) => Math.abs(row[b]) - Math.abs(row[a]));
      sentence += `${quantity} of unit ${name}${unit.value} is `
        + `${((row[index()] / 127) * scale).toFixed(2)}. Strongest here: `
        + `${order.slice(0, 5).map((each) => `${name}${each + 1}`).join(", ")}.`;
    }
    said.textContent = sentence;
  }

  function go(place) {
    here = Math.max(0, Math.min(letters.length - 1, place));
    paint();
    const box = letters[here].getBoundingClientRect();
    const frame = text.getBoundingClientRect();
    if (box.top < frame.top || box.bottom > frame.bottom) {
      text.scrollTop += box.top - frame.top - frame.height / 2;
    }
  }

  function turn(step) {
    const { units } = current();
    unit.value = ((index() + step + units) % units) + 1;
    named.value = "";
    paint();
  }

  text.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: letters.length - 1 };
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key in moves) go(moves[event.key]);
    else if (event.key === "ArrowUp") turn(-1);
    else if (event.key === "ArrowDown") turn(1);
    else return;
    event.preventDefault();
  });
  text.addEventListener("pointerover", (event) => {
    if (event.target.tagName === "I") go(letters.indexOf(event.target));
  });
  text.addEventListener("click", (event) => {
    if (event.target.tagName === "I") go(letters.indexOf(event.target));
  });
  function choose(name) {
    const number = series.findIndex((each) => {
      const rest = name.slice(each.name.length);
      return name.startsWith(each.name) && /^[0-9]+$/.test(rest);
    });
    chosen.value = number;
    unit.value = name.slice(series[number].name.length);
  }

  named.addEventListener("change", () => {
    if (named.value === "") return;
    choose(named.value);
    colouring.value = "unit";
    paint();
  });
  for (const control of [chosen, unit, colouring]) {
    control.addEventListener("input", () => {
      const { units } = current();
      unit.max = units;
      unit.value = Math.max(1, Math.min(units, Math.round(Number(unit.value)) || 1));
      if (control !== colouring) named.value = "";
      paint();
    });
  }
  if (named.options.length > 1) {
    named.selectedIndex = 1;
    choose(named.value);
  }
  unit.max = current().units;
  paint();
})();
