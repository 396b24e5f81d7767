import { debounce, find, fitType, put, touch, visible } from "./dom.js";
import { onLanguage, say, sayUnknown, tell, tellAgain, tellReading } from "./language.js";
import { startLikely } from "./likely.js";
import { nextOptions, startOptions, temperature } from "./options.js";

/** @typedef {import("../engine/client.js").Piece} Piece */
/** @typedef {ReturnType<typeof startWrite>} Writer */

/** Characters that must be written before their speed is worth telling. */
const TIMED = 100;

/** The text that the visitor and the model write together.
 *  @param {import("../engine/client.js").Engine} engine @param {string} prompt */
export function startWrite(engine, prompt) {
  const area = find("text");
  const field = find("field");
  /** The text before and after each thing that a program wrote. @type {{ before: string, after: string }[]} */
  const history = [];
  /** The writing under way: the text before it, and up to now. @type {{ before: string, after: string, seed: number } | null} */
  let run = null;
  let speed = 0;
  /** Whether the visitor has done more in the text than to arrive there. */
  let active = false;
  let ghost = "";
  /** Characters of the text that the model does not know. @type {string[]} */
  let lost = [];
  /** Counts changes: a prediction for an older text is void. */
  let version = 0;
  let composing = false;
  let ready = false;

  const writer = {
    get text() {
      return area.value;
    },
    /** What Look inside wants of each piece. */
    watch: { layer: 0, quantity: "h" },
    /** @type {(piece: Piece, before: string) => void} */
    onPiece() {},
    onEnd() {},
    start() {
      ready = true;
      changed();
    },
    /** The section is seen again, and hidden elements forget how far they were scrolled. */
    reveal() {
      field.scrollTop = field.scrollHeight;
    },
  };

  /** The ghost while it may be seen: the caret is at the end, and no letter is half composed. */
  function visibleGhost() {
    return area.selectionStart === area.value.length && !composing && !run ? ghost : "";
  }

  function render() {
    put("before", area.value);
    // The zero-width space makes an empty last line as high as the text area has it.
    const grey = visibleGhost();
    // White space alone would not be seen.
    put("ghost", `${grey.trim() ? grey : [...grey].map(visible).join("")}\u200b`);
    put("lost", sayUnknown(lost));
    put("speed", speed ? say("speed", { n: speed }) : "");
    find("back").disabled = run || !history.length;
    for (const button of document.querySelectorAll(".paragraph")) {
      button.textContent = say(run ? "stop" : "paragraph");
      button.toggleAttribute("disabled", !ready);
    }
  }

  async function predict() {
    if (!ready || composing || run) return;
    const asked = version;
    // At a temperature of 0 the probabilities themselves would have no meaning.
    const options = { count: 5, temperature: temperature() || 0.01 };
    const prediction = await engine.predict(area.value, options, (share) => {
      if (asked === version) tellReading(share);
    });
    if (!prediction || asked !== version) return;
    tellAgain();
    showLikely(prediction.likely);
    lost = prediction.unknown;
    ghost = prediction.ghost;
    render();
  }

  function changed() {
    version++;
    ghost = "";
    fitType("write", area.value);
    render();
    predictSoon();
  }

  /** Show a text that a program wrote. @param {string} text */
  function show(text) {
    const follows = field.scrollHeight - field.scrollTop - field.clientHeight < 60;
    area.value = text;
    area.setSelectionRange(text.length, text.length);
    changed();
    if (follows) writer.reveal();
  }

  /** Put a text at the end, as the visitor chose. @param {string} text */
  function insert(text) {
    const before = area.value;
    if (!text || run) return;
    history.push({ before, after: before + text });
    if (!type(text)) show(before + text);
  }

  /** Insert a text at the end as if it were typed, so that the browser can undo it; return whether
   *  it could. @param {string} text */
  function type(text) {
    const wanted = area.value + text;
    const other = document.activeElement;
    // Focus would open a keyboard on the screen.
    if (other !== area && touch.matches) return false;
    area.focus({ preventScroll: true });
    area.setSelectionRange(area.value.length, area.value.length);
    document.execCommand("insertText", false, text);
    if (other !== area) /** @type {HTMLElement | null} */ (other)?.focus({ preventScroll: true });
    if (area.value === wanted) writer.reveal();
    return area.value === wanted;
  }

  /** The writing is over. @param {"written" | "stopped"} how */
  function end(how) {
    const { before, after, seed } = /** @type {NonNullable<typeof run>} */ (run);
    run = null;
    tell(how, { n: [...after].length - [...before].length, seed: String(seed) });
    if (after !== before) history.push({ before, after });
  }

  /** Write a paragraph, or stop writing it. */
  async function write() {
    if (run) return engine.stop();
    const before = area.value;
    const { watch } = writer;
    const options = { ...nextOptions(), until: /** @type {"paragraph"} */ ("paragraph"), watch };
    const mine = { before, after: before, seed: options.seed };
    run = mine;
    speed = 0;
    tell("writing");
    changed();
    const goOn = (/** @type {Piece} */ piece) => {
      if (run !== mine) return;
      const last = area.value;
      mine.after += piece.text;
      if (mine.after.length - before.length >= TIMED && piece.speed) speed = piece.speed;
      tellAgain();
      show(mine.after);
      // Values of a quantity that is no longer looked at are of no use.
      writer.onPiece(watch === writer.watch ? piece : { ...piece, values: null }, last);
    };
    try {
      const result = await engine.write(before, options, goOn, (share) => {
        if (run === mine) tellReading(share);
      });
      if (run !== mine) return;
      mine.after = before + result.text;
      end(result.stopped ? "stopped" : "written");
      show(mine.after);
      writer.onEnd();
    } finally {
      if (run === mine) end("stopped");
    }
  }

  /** Take away all that is left of what was written last, and keep what the visitor has typed:
   *  before it, in it, and after it. */
  function takeBack() {
    const texts = /** @type {typeof history[0]} */ (history.pop());
    const [before, after, now] = [texts.before, texts.after, area.value].map((text) => [...text]);
    const most = Math.min(now.length, after.length);
    let head = 0;
    while (head < most && now[head] === after[head]) head++;
    let tail = 0;
    while (tail < most - head && now[now.length - 1 - tail] === after[after.length - 1 - tail])
      tail++;
    const typed = now.slice(head, now.length - tail);
    speed = 0;
    tell("ready");
    show([before.slice(0, head), typed, before.slice(after.length - tail)].flat().join(""));
    if (!history.length) area.focus();
    writer.onEnd();
  }

  const predictSoon = debounce(120, predict);
  const showLikely = startLikely(insert);
  startOptions(predictSoon);
  for (const type of ["input", "compositionstart", "compositionend"]) {
    area.addEventListener(type, () => {
      if (type !== "input") composing = type === "compositionstart";
      if (run) {
        engine.stop();
        end("stopped");
      }
      active = true;
      // Nothing is left of what was written: it was undone.
      while (history.length && history[history.length - 1].before === area.value) history.pop();
      changed();
    });
  }
  area.addEventListener("focus", () => {
    active = false;
  });
  area.addEventListener("click", () => {
    active = true;
  });
  area.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing || event.shiftKey || event.ctrlKey || event.altKey || event.metaKey)
      return;
    // Who only passes with Tab changes nothing.
    active ||= event.key !== "Tab";
    if (event.key === "Tab" && active && visibleGhost()) {
      event.preventDefault();
      insert(ghost);
    } else if (event.key === "Escape") {
      version++;
      ghost = "";
      render();
    }
  });
  document.addEventListener("selectionchange", render);
  for (const button of document.querySelectorAll(".paragraph"))
    button.addEventListener("click", write);
  find("back").addEventListener("click", takeBack);
  find("ghost").addEventListener("click", () => insert(ghost));
  onLanguage(() => {
    showLikely();
    render();
  });
  show(prompt);
  return writer;
}
