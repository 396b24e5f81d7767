import { debounce, find, fitType, make, makeChoice, put, visible } from "./dom.js";
import { number, onLanguage, percent, say, sayUnknown } from "./language.js";
import { surprisingWords } from "./words.js";

const MOST_CHARACTERS = 20_000;
/** Characters drawn at a time, so that the page stays at hand. */
const CHUNK = 1500;
/** The lowest bits of each shade but the first. */
const LEVELS = [1, 2, 3, 4, 6, 8, 10];

/** How surprised the model is at each character of a text; returns what to do when the section is seen.
 *  @param {import("../engine/client.js").Engine} engine @param {import("./write.js").Writer} writer
 *  @param {import("./about.js").Manifest["about"]["kind"]} kind */
export function startMeasure(engine, writer, kind) {
  const area = find("measured");
  const result = find("result");
  const take = find("take");
  /** @type {Awaited<ReturnType<typeof engine.score>>} */
  let score = null;
  /** @type {HTMLElement[]} */
  let cells = [];
  let here = -1;
  /** Counts measurements: an older one stops drawing. */
  let version = 0;
  let loaded = "";

  /** @param {number} place */
  function isUnknown(place) {
    return Number.isNaN(score?.bits[place]) || Boolean(score?.unknown[place]);
  }

  async function measure() {
    take.hidden = area.value === loaded;
    fitType("measure", area.value);
    await engine.opened;
    const mine = ++version;
    const text = [...area.value].slice(0, MOST_CHARACTERS).join("");
    const latest = await engine.score(text, (share) => {
      if (mine === version) put("notes", say("measuring", { p: percent(share) }));
    });
    if (!latest || mine !== version) return;
    score = latest;
    cells = [];
    here = -1;
    describe();
    result.replaceChildren();
    let line = make("div");
    for (let place = 0; place < score.characters.length; place++) {
      if (place % CHUNK === 0) {
        await new Promise((resume) => setTimeout(resume));
        if (mine !== version) return;
      }
      const character = score.characters[place];
      const level = LEVELS.filter((lowest) => score && score.bits[place] >= lowest).length;
      const cell = make(
        "i",
        character === "\n" ? "" : character,
        isUnknown(place) ? "unknown" : `b${level}`,
      );
      // Shown before the character by the style sheet.
      if ("\n\t".includes(character)) cell.dataset.name = visible(character);
      line.append(cell);
      cells.push(cell);
      if (line.childNodes.length === 1) result.append(line);
      if (character === "\n") line = make("div");
    }
  }

  function describe() {
    if (!score) return;
    const { characters, bits } = score;
    const lost = characters.filter((_, place) => isUnknown(place));
    put(
      "notes",
      [
        characters.length ? "" : say("nothing"),
        [...area.value].length > MOST_CHARACTERS ? say("part", { n: MOST_CHARACTERS }) : "",
        sayUnknown(lost),
      ].join(" "),
    );
    put("per-character", score.measured ? number(score.perCharacter, 2) : "–");
    put("total", number(score.total));
    put("count", number(score.measured));
    find("words").replaceChildren(
      ...surprisingWords(characters, bits).map(({ segment, start, end, total, times }) => {
        const item = makeChoice(times > 1 ? `${segment} ×${number(times)}` : segment, () => {
          select(start, end);
          result.focus({ preventScroll: true });
          cells[start]?.scrollIntoView({ block: "center" });
        });
        item.append(make("small", number(total, 1)));
        return item;
      }),
    );
    describeHere();
  }

  function describeHere() {
    let said = say("resultKeys");
    if (score && here >= 0) {
      const text = visible(score.characters[here]);
      const likely = score.likely[here];
      said =
        likely?.length && !Number.isNaN(score.bits[here])
          ? say(kind === "char" ? "cost" : "costSymbols", {
              text,
              n: number(score.bits[here], 2),
              list: likely.join("  "),
            })
          : say(here ? "skipped" : "first", { text });
    }
    put("here", said);
  }

  /** Mark the characters from start to end, and tell of the first. @param {number} start @param {number} [end] */
  function select(start, end = start + 1) {
    for (const cell of result.querySelectorAll(".here")) cell.classList.remove("here");
    for (const cell of cells.slice(start, end)) cell.classList.add("here");
    here = start;
    describeHere();
  }

  function load() {
    loaded = area.value = writer.text;
    measure();
  }

  area.addEventListener("input", debounce(400, measure));
  take.addEventListener("click", load);
  for (const type of ["pointerover", "click"]) {
    result.addEventListener(type, (/** @type {any} */ { target }) => {
      const place = cells.indexOf(target);
      if (place >= 0) select(place);
    });
  }
  result.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const last = cells.length - 1;
    const next = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: last }[event.key];
    if (next === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    select(Math.min(last, Math.max(0, next)));
    cells[here]?.scrollIntoView({ block: "nearest" });
  });
  find("legend").append(
    ...[0, ...LEVELS].map((lowest, level) => {
      const next = LEVELS[level];
      return make(
        "li",
        !level ? `<${next}` : next ? `${lowest}–${next}` : `≥${lowest}`,
        `b${level}`,
      );
    }),
  );
  onLanguage(describe);

  /** The text of Write, until the visitor has changed it. */
  return () => {
    if (area.value === loaded) load();
  };
}
