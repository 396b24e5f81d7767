import { debounce, find, put, visible } from "./dom.js";
import { onLanguage, say, tell } from "./language.js";
import { startLikely } from "./likely.js";
import { nextOptions, startOptions, temperature } from "./options.js";

/** @typedef {{ text: string, symbols: string[], values: Float32Array | null, speed: number }} Piece */
/** @typedef {ReturnType<typeof startWrite>} Writer */

/** The text that the visitor and the model write together.
 *  @param {import("../engine/client.js").Engine} engine @param {string} prompt */
export function startWrite(engine, prompt) {
  const area = find("text");
  const field = find("field");
  /** The text before and after each thing that a program wrote. @type {{ before: string, after: string }[]} */
  const history = [];
  /** The writing under way. @type {{ before: string } | null} */
  let run = null;
  /** The text as a program last left it. */
  let shown = prompt;
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
    put("ghost", `${visibleGhost()}\u200b`);
    const list = [...new Set(lost)].slice(0, 20).map(visible).join(" ");
    put("lost", list ? say("unknown", { n: lost.length, list }) : "");
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
    const options = { count: 5, temperature: temperature() || 0.01, ghost: true };
    const prediction = await engine.predict(area.value, options);
    if (!prediction || asked !== version) return;
    showLikely(prediction.likely);
    lost = prediction.unknown;
    ghost = prediction.ghost;
    render();
  }

  function changed() {
    version++;
    ghost = "";
    render();
    predictSoon();
  }

  /** Show a text that a program wrote. @param {string} text */
  function show(text) {
    const follows = field.scrollHeight - field.scrollTop - field.clientHeight < 60;
    shown = area.value = text;
    area.setSelectionRange(text.length, text.length);
    changed();
    if (follows) writer.reveal();
  }

  /** Put a text at the end, as the visitor chose. @param {string} text */
  function insert(text) {
    const before = area.value;
    if (!text || run) return;
    history.push({ before, after: before + text });
    show(history[history.length - 1].after);
  }

  /** The writing is over. @param {"written" | "stopped"} how @param {string} after */
  function end(how, after) {
    const before = run?.before ?? "";
    run = null;
    tell(how, { n: [...after].length - [...before].length });
    if (after !== before) history.push({ before, after });
  }

  /** Write a paragraph, or stop writing it. */
  async function write() {
    if (run) return engine.stop();
    const before = area.value;
    const mine = { before };
    run = mine;
    tell("writing");
    changed();
    let written = "";
    try {
      const { watch } = writer;
      const options = { ...nextOptions(), until: /** @type {"paragraph"} */ ("paragraph"), watch };
      const result = await engine.write(before, options, (piece) => {
        if (run !== mine) return;
        const last = area.value;
        written += piece.text;
        show(before + written);
        put("speed", say("speed", { n: piece.speed }));
        // Values of a quantity that is no longer looked at are of no use.
        writer.onPiece(watch === writer.watch ? piece : { ...piece, values: null }, last);
      });
      if (run !== mine) return;
      const after = before + result.text;
      end(result.stopped ? "stopped" : "written", after);
      show(after);
      writer.onEnd();
    } finally {
      if (run === mine) end("stopped", area.value);
    }
  }

  /** Take away what was written last, and keep what the visitor has typed after it. */
  function takeBack() {
    const { before, after } = /** @type {typeof history[0]} */ (history.pop());
    const now = area.value;
    const written = after.slice(before.length);
    let same = 0;
    while (same < now.length && now[same] === after[same]) same++;
    if (same >= before.length) show(before + now.slice(same));
    else show(now.endsWith(written) ? now.slice(0, -written.length) : before);
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
        end("stopped", shown);
      }
      changed();
    });
  }
  area.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing || event.shiftKey || event.ctrlKey || event.altKey || event.metaKey)
      return;
    if (event.key === "Tab" && visibleGhost()) {
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
