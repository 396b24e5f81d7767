import { colourOf, darkness, inkOn } from "./colours.js";
import { find, fitType, make, makeChoice, put } from "./dom.js";
import { number, onLanguage, say, sayUnknown } from "./language.js";
import { startStrip } from "./strip.js";

const MOST_SYMBOLS = 4000;

/** What the units hold after each symbol of the text; returns what to do when the section is seen or hidden.
 *  @param {import("../engine/client.js").Engine} engine @param {import("./write.js").Writer} writer
 *  @param {import("./about.js").Manifest["network"]} network
 *  @param {import("./about.js").Manifest["about"]["kind"]} kind */
export function startLook(engine, writer, { layers, hidden, quantities }, kind) {
  const strip = startStrip(point);
  const [layer, quantity, order, field, text] = [
    "layer",
    "quantity",
    "order",
    "unit",
    "look-text",
  ].map(find);
  /** The text and the quantity in the picture. */
  let shown = "";
  /** Whether the visitor has chosen a unit. */
  let picked = false;
  /** Characters of the text in the picture that the model does not know. @type {string[]} */
  let lost = [];
  let isPart = false;
  let seen = false;
  let tracing = false;
  /** @type {HTMLElement[]} */
  let cells = [];
  let group = text;

  /** @param {string} content */
  function keyOf(content) {
    return `${layer.value} ${quantity.value} ${content}`;
  }

  function newest() {
    return Math.max(0, strip.columns.length - 1);
  }

  /** Bring the picture up to the text, and again if it went on meanwhile. */
  async function refresh() {
    const key = keyOf(writer.text);
    if (!seen || tracing || key === shown) return;
    tracing = true;
    try {
      await engine.opened;
      fitType("look", writer.text);
      const all = [...writer.text];
      const characters = all.slice(-MOST_SYMBOLS);
      const follows = strip.column >= newest();
      const trace = await engine.trace(characters.join(""), writer.watch);
      if (trace) {
        shown = key;
        lost = trace.unknown;
        isPart = all.length > MOST_SYMBOLS;
        strip.columns = [];
        strip.symbols = [];
        cells = [];
        text.replaceChildren();
        group = text;
        strip.signed = "hcgn".includes(quantity.value);
        // A state without a limit (relu) is coloured by the largest value that it took.
        strip.range = trace.values.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
        add(trace.symbols, trace.begins, trace.values);
        const [liveliest] = sort();
        choose(picked ? strip.unit : liveliest, Math.min(strip.column, newest()));
        colourScale();
        if (follows) follow();
      }
    } finally {
      tracing = false;
    }
    refresh();
  }

  function follow() {
    choose(strip.unit, newest());
    strip.reveal();
    text.scrollTop = text.scrollHeight;
  }

  /** @param {string[]} symbols @param {boolean[]} begins @param {Float32Array} values */
  function add(symbols, begins, values) {
    symbols.forEach((symbol, place) => {
      strip.columns.push(values.subarray(place * hidden, (place + 1) * hidden));
      strip.symbols.push(symbol);
      // The symbols of one character stand together.
      if (kind === "char") group = text;
      else if (begins[place]) group = text.appendChild(make("span", "", "first"));
      const content = { "␣": " ", "↵": "↵\n" }[symbol] ?? symbol;
      cells.push(group.appendChild(make("i", content)));
      colour(newest());
    });
  }

  /** Order the rows; return the units by how much they change over the text. */
  function sort() {
    const { columns } = strip;
    const change = new Float64Array(hidden);
    columns.slice(1).forEach((values, place) => {
      for (let unit = 0; unit < hidden; unit++)
        change[unit] += Math.abs(values[unit] - columns[place][unit]);
    });
    const byChange = [...change.keys()].sort((one, other) => change[other] - change[one]);
    strip.order = order.value === "change" ? byChange : [...change.keys()];
    return byChange;
  }

  /** The colours of a few values. */
  function colourScale() {
    const low = strip.signed ? -1 : 0;
    find("scale").replaceChildren(
      ...[0, 0.25, 0.5, 0.75, 1].map((place) => {
        const value = low + place * (1 - low);
        const shade = colourOf(value, strip.signed);
        const item = make("li", number(value * strip.range, 2));
        item.style.background = `rgb(${shade})`;
        item.style.color = inkOn(shade);
        return item;
      }),
    );
  }

  /** Colour the symbol of a column by the chosen unit. @param {number} column */
  function colour(column) {
    const shade = colourOf(strip.columns[column][strip.unit] / strip.range, strip.signed);
    cells[column].style.background = `rgb(${shade})`;
    cells[column].style.color = inkOn(shade);
  }

  function colourAll() {
    for (const column of cells.keys()) colour(column);
    strip.draw();
  }

  /** @param {boolean} held Whether the pointer leaves the unit as it is. */
  function setHeld(held) {
    picked = true;
    strip.held = held;
  }

  /** @param {number} unit @param {number} column @param {boolean} click */
  function point(unit, column, click) {
    setHeld(strip.held !== click);
    choose(strip.held && !click ? strip.unit : unit, column);
  }

  /** @param {number} unit @param {number} column */
  function choose(unit, column) {
    const other = unit !== strip.unit;
    cells[strip.column]?.classList.remove("here");
    cells[column]?.classList.add("here");
    strip.unit = unit;
    strip.column = column;
    if (other) colourAll();
    strip.draw();
    describe();
  }

  function describe() {
    const { unit, column, columns } = strip;
    const symbol = strip.symbols[column];
    const now = columns[column];
    const last = columns[column - 1] ?? now;
    put(
      "look-notes",
      [
        now ? "" : say("nothing"),
        isPart ? say("lastPart", { n: columns.length }) : "",
        sayUnknown(lost),
      ].join(" "),
    );
    put(
      "value",
      now
        ? say("value", {
            unit: unit + 1,
            layer: Number(layer.value) + 1,
            quantity: quantity.selectedOptions[0].text,
            value: number(now[unit], 2),
            symbol,
          }) + (strip.held ? say("held") : "")
        : "",
    );
    /** @param {number} place */
    const change = (place) => Math.abs(now[place] - last[place]);
    strip.marked =
      now === last
        ? []
        : [...now.keys()].sort((one, other) => change(other) - change(one)).slice(0, 5);
    put("changed-at", strip.marked.length ? say("changed", { symbol }) : "");
    find("changed").replaceChildren(
      ...strip.marked.map((changed) => {
        const phrase = say("change", {
          unit: changed + 1,
          from: number(last[changed], 2),
          to: number(now[changed], 2),
        });
        return makeChoice(phrase, () => hold(changed));
      }),
    );
    if (document.activeElement !== field) field.value = unit + 1;
  }

  /** @param {number} unit */
  function hold(unit) {
    setHeld(true);
    choose(unit, strip.column);
    strip.reveal();
  }

  writer.onEnd = refresh;
  writer.onPiece = ({ symbols, begins, values }, before) => {
    if (shown !== keyOf(before) || !values) {
      refresh();
      return;
    }
    const follows = strip.column >= newest();
    shown = keyOf(writer.text);
    add(symbols, begins, values);
    if (follows) follow();
  };
  layer.append(
    ...Array.from({ length: layers }, (_, place) => new Option(String(place + 1), String(place))),
  );
  quantity.append(...quantities.map((name) => new Option("", name)));
  for (const choice of [layer, quantity]) {
    choice.addEventListener("change", () => {
      writer.watch = { layer: Number(layer.value), quantity: quantity.value };
      refresh();
    });
  }
  order.addEventListener("change", () => {
    sort();
    strip.reveal();
    strip.draw();
  });
  field.max = hidden;
  field.addEventListener("input", () => {
    if (field.validity.valid && field.value) hold(field.value - 1);
  });
  find("strip").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
      Home: [-Infinity, 0],
      End: [Infinity, 0],
    }[event.key];
    if (!step || !cells.length) return;
    event.preventDefault();
    const row = Math.min(hidden - 1, Math.max(0, strip.order.indexOf(strip.unit) + step[1]));
    picked = true;
    choose(strip.order[row], Math.min(newest(), Math.max(0, strip.column + step[0])));
    strip.reveal();
  });
  for (const type of ["pointerover", "click"]) {
    text.addEventListener(type, (/** @type {any} */ { target }) => {
      const column = cells.indexOf(target);
      if (column >= 0) choose(strip.unit, column);
    });
  }
  darkness.addEventListener("change", () => {
    colourAll();
    colourScale();
  });
  onLanguage(() => {
    for (const option of quantity.options) option.text = say(option.value);
    colourScale();
    describe();
  });

  return (/** @type {boolean} */ visible) => {
    seen = visible;
    refresh();
  };
}
