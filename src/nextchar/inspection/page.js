"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const text = byId("text");
  if (!text) return;
  const data = JSON.parse(byId("data").textContent);
  const letters = Array.from(text.getElementsByTagName("i"));
  const said = byId("said");
  const layer = byId("layer");
  const unit = byId("unit");
  const named = byId("named");
  const colouring = byId("colouring");
  let here = 0;

  const numbers = (base64) => Int8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const layers = data.layers.map((each) => ({ ...each, values: numbers(each.values) }));
  const memory = data.memory && { ...data.memory, values: numbers(data.memory.values) };

  const shown = (place) => {
    const content = letters[place].textContent;
    return { "\n": "line break", "\t": "tab", " ": "space" }[content] || content;
  };
  const valueAt = (number, which, place) => {
    const { values, units, scale } = layers[number];
    return (values[place * units + which] / 127) * scale;
  };
  const level = (share) => Math.sign(share) * Math.ceil(Math.min(1, Math.abs(share)) * 4 - 0.25);

  function paint() {
    const isMemory = colouring.value === "memory";
    const number = Number(layer.value);
    const which = Number(unit.value);
    const { units, values } = layers[number];
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
    const number = Number(layer.value);
    const { units, quantity } = layers[number];
    let sentence = `Symbol ${here + 1}, ${shown(here)}: `;
    if (colouring.value === "memory") {
      const shares = [];
      for (let lag = 0; lag < memory.reach && lag <= here; lag += 1) {
        shares.push([memory.values[here * memory.reach + lag], lag]);
      }
      shares.sort((a, b) => b[0] - a[0]);
      const names = shares.slice(0, 3).map(([, lag]) => `${shown(here - lag)} (${lag} back)`);
      sentence += `the prediction after it depends most on ${names.join(", ")}.`;
    } else {
      const value = valueAt(number, Number(unit.value), here).toFixed(2);
      const order = Array.from({ length: units }, (_, each) => each)
        .sort((a, b) => Math.abs(valueAt(number, b, here)) - Math.abs(valueAt(number, a, here)));
      sentence += `${quantity} of unit ${number + 1}.${unit.value} is ${value}. `
        + `Strongest here: ${order.slice(0, 5).map((each) => `${number + 1}.${each}`).join(", ")}.`;
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
    const { units } = layers[Number(layer.value)];
    unit.value = (Number(unit.value) + step + units) % units;
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
  named.addEventListener("change", () => {
    if (named.value === "") return;
    const [inLayer, which] = named.value.split(".");
    layer.value = inLayer;
    unit.value = which;
    colouring.value = "unit";
    paint();
  });
  for (const control of [layer, unit, colouring]) {
    control.addEventListener("input", () => {
      const { units } = layers[Number(layer.value)];
      unit.max = units - 1;
      unit.value = Math.max(0, Math.min(units - 1, Math.round(Number(unit.value)) || 0));
      if (control !== colouring) named.value = "";
      paint();
    });
  }
  const first = named.options[1];
  if (first) {
    named.value = first.value;
    [layer.value, unit.value] = first.value.split(".");
  }
  paint();
})();
