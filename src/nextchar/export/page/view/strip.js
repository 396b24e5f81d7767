import { colourOf } from "./colours.js";
import { find, touch } from "./dom.js";

/** Width of a column and height of the symbols above. */
const COLUMN = 15;
const HEAD = 24;

/** @typedef {ReturnType<typeof startStrip>} Strip */

/** The picture of all units over a text. Only what is in sight is drawn: a long text costs no more.
 *  @param {(unit: number, column: number, click: boolean) => void} onPoint */
export function startStrip(onPoint) {
  const frame = find("strip");
  const canvas = find("canvas");
  const pixels = document.createElement("canvas");
  let row = 1;
  let waiting = false;

  const strip = {
    /** Values of each symbol. @type {Float32Array[]} */
    columns: [],
    /** @type {string[]} */
    symbols: [],
    /** Units from the top row down. @type {number[]} */
    order: [],
    signed: true,
    /** The value with the strongest colour. */
    range: 1,
    unit: 0,
    /** Whether the pointer leaves the unit as it is. */
    held: false,
    column: 0,
    /** Units to mark in the column. @type {number[]} */
    marked: [],

    /** Draw with the next frame. */
    draw() {
      if (!waiting) requestAnimationFrame(paint);
      waiting = true;
    },

    /** Scroll to the chosen column and unit. */
    reveal() {
      resize();
      const left = strip.column * COLUMN;
      const top = strip.order.indexOf(strip.unit) * row;
      frame.scrollLeft = Math.min(
        left,
        Math.max(frame.scrollLeft, left + 2 * COLUMN - frame.clientWidth),
      );
      frame.scrollTop = Math.min(
        top,
        Math.max(frame.scrollTop, top + HEAD + 2 * row - frame.clientHeight),
      );
    },
  };

  function resize() {
    row = Math.min(10, Math.max(touch.matches ? 8 : 3, Math.floor(480 / strip.order.length)));
    const { style } = find("strip-size");
    style.width = `${(strip.columns.length + 1) * COLUMN}px`;
    style.height = `${HEAD + strip.order.length * row}px`;
  }

  function paint() {
    waiting = false;
    if (!strip.columns.length) {
      canvas.width = 0;
      return;
    }
    resize();
    const { clientWidth: width, clientHeight: height, scrollLeft, scrollTop } = frame;
    canvas.width = width * devicePixelRatio;
    canvas.height = height * devicePixelRatio;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const first = Math.floor(scrollLeft / COLUMN);
    const top = Math.floor(scrollTop / row);
    const columns = strip.columns.slice(first, first + Math.ceil(width / COLUMN) + 1);
    const units = strip.order.slice(top, top + Math.ceil(height / row) + 1);
    if (!columns.length || !units.length || !width) return;
    // One pixel a value, then enlarged: far quicker than a rectangle each.
    pixels.width = columns.length;
    pixels.height = units.length;
    const image = new ImageData(columns.length, units.length);
    image.data.set(
      units.flatMap((unit) =>
        columns.flatMap((values) => [...colourOf(values[unit] / strip.range, strip.signed), 255]),
      ),
    );
    pixels.getContext("2d")?.putImageData(image, 0, 0);
    const context = canvas.getContext("2d");
    context.scale(devicePixelRatio, devicePixelRatio);
    context.imageSmoothingEnabled = false;
    context.drawImage(
      pixels,
      first * COLUMN - scrollLeft,
      HEAD + top * row - scrollTop,
      columns.length * COLUMN,
      units.length * row,
    );

    // The chosen unit and column, and the units that changed most.
    const { color, backgroundColor, fontFamily } = getComputedStyle(frame);
    const left = strip.column * COLUMN - scrollLeft;
    /** @param {number} unit */
    const topOf = (unit) => HEAD + strip.order.indexOf(unit) * row - scrollTop;
    context.strokeStyle = context.fillStyle = color;
    // Between thicker lines if it is held.
    context.lineWidth = strip.held ? 3 : 1;
    context.strokeRect(-2, topOf(strip.unit) - 0.5, width + 4, row + 1);
    context.lineWidth = 1;
    context.strokeRect(left - 0.5, 0, COLUMN + 1, height);
    for (const unit of strip.marked) {
      const middle = topOf(unit) + row / 2;
      context.beginPath();
      context.moveTo(left + COLUMN + 1, middle);
      context.lineTo(left + COLUMN + 9, middle - 5);
      context.lineTo(left + COLUMN + 9, middle + 5);
      context.fill();
    }

    context.fillStyle = backgroundColor;
    context.fillRect(0, 0, width, HEAD - 1);
    context.fillStyle = color;
    context.font = `13px ${fontFamily}`;
    context.textAlign = "center";
    columns.forEach((_, place) => {
      const middle = (first + place + 0.5) * COLUMN - scrollLeft;
      context.fillText(strip.symbols[first + place].replace("0x", ""), middle, 16, COLUMN - 1);
    });
  }

  for (const type of ["pointermove", "click"]) {
    canvas.addEventListener(type, (/** @type {MouseEvent} */ event) => {
      const box = canvas.getBoundingClientRect();
      const column = Math.floor((event.clientX - box.left + frame.scrollLeft) / COLUMN);
      const unit =
        strip.order[Math.floor((event.clientY - box.top + frame.scrollTop - HEAD) / row)];
      if (unit !== undefined && column < strip.columns.length)
        onPoint(unit, column, type === "click");
    });
  }
  frame.addEventListener("scroll", strip.draw);
  new ResizeObserver(strip.draw).observe(frame);
  return strip;
}
