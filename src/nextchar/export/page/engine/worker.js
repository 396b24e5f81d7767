// The worker of the page: answers the calls of `client.js`, in slices, so that each can be given up.

import { openModel } from "./model.js";
import { Reader } from "./reader.js";
import { probabilities, ranked } from "./sampling.js";
import { visible } from "./vocabulary.js";
import { likelyCharacters, Writer } from "./writing.js";

// Ms between two looks at the messages.
const SLICE = 25;
// Characters.
const GHOST = 24;
// Symbols named at each place of a scored text.
const LIKELY = 3;

/** The newest call of each kind; older ones are given up. @type {Record<string, number>} */
const newest = {};
const channel = new MessageChannel();
/** @type {(() => void)[]} */
const waiting = [];
channel.port1.onmessage = () => waiting.shift()?.();

/** Let messages arrive. */
function pause() {
  return new Promise((/** @type {(value: void) => void} */ resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(null);
  });
}

/** The work of one call. */
class Call {
  /**
   * @param {string} kind
   * @param {number} id
   */
  constructor(kind, id) {
    this._kind = kind;
    this._id = id;
    this._since = performance.now();
    newest[kind] = id;
  }

  get isNewest() {
    return newest[this._kind] === this._id;
  }

  get isDue() {
    return performance.now() - this._since >= SLICE;
  }

  /** Let messages arrive; return whether to go on. */
  async rest() {
    await pause();
    this._since = performance.now();
    return this.isNewest;
  }

  /** @param {object} event */
  tell(event) {
    postMessage({ id: this._id, event });
  }
}

/** Everything that a call may ask of a model. */
class Service {
  /** @param {import("./model.js").Model} model */
  constructor(model) {
    this._network = model.network;
    this._vocabulary = model.vocabulary;
    this._readers = {
      write: new Reader(model),
      predict: new Reader(model),
      score: new Reader(model),
    };
    /** Of each symbol that the reader of `score` knows. @type {{ bits: number, likely: string[] }[]} */
    this._scored = [];
  }

  /**
   * Read a text; return whether the call was not given up.
   * @param {Call} call
   * @param {"write" | "predict" | "score"} kind
   * @param {number[]} ids
   * @param {(share: number) => void} [progress]
   */
  async _read(call, kind, ids, progress) {
    const reader = this._readers[kind];
    const known = reader.known(ids);
    reader.rewind(ids, known);
    for (let place = known; place < ids.length; place++) {
      if (kind === "score") this._scored[place] = this._measured(reader.logits, ids[place], place);
      reader.read(ids[place]);
      if (!call.isDue) continue;
      progress?.(place / ids.length);
      if (!(await call.rest())) return false;
    }
    return true;
  }

  /**
   * Return the bits of a symbol; the first one of a text is not predicted.
   * @param {Float32Array} logits
   * @param {number} id
   * @param {number} place
   */
  _measured(logits, id, place) {
    if (place === 0) return { bits: 0, likely: [] };
    const shares = probabilities(logits);
    const likely = ranked(shares)
      .slice(0, LIKELY)
      .map((each) => this._vocabulary.name(each));
    return { bits: -Math.log2(shares[id]), likely };
  }

  /** @param {number[]} ids Of one character. */
  _isUnknown(ids) {
    return ids.length === 0 || ids[0] === this._vocabulary.unknown;
  }

  /** @param {string} text */
  _ids(text) {
    const ids = this._vocabulary.encode(text).ids.flat();
    return ids.length > 0 ? ids : this._vocabulary.context;
  }

  /**
   * @param {Call} call
   * @param {{ text: string, options: import("./writing.js").WritingOptions & { watch?: { layer: number, quantity: string } } }} given
   */
  async write(call, { text, options }) {
    const reader = this._readers.write;
    if (!(await this._read(call, "write", this._ids(text))))
      return { text: "", stopped: true, speed: 0 };
    const writer = new Writer(this._vocabulary, reader.copy(), options);
    const began = performance.now();
    let written = "";
    let count = 0;
    let isNewest = true;
    let piece = {
      text: "",
      symbols: /** @type {string[]} */ ([]),
      values: /** @type {Float32Array[]} */ ([]),
    };
    while (!writer.ended && isNewest) {
      const { id, text: more } = writer.next();
      count += 1;
      piece.text += more;
      piece.symbols.push(this._vocabulary.name(id));
      if (options.watch) {
        const { quantity, layer } = options.watch;
        piece.values.push(this._network.values(quantity, layer, writer.position.state));
      }
      if (!call.isDue && !writer.ended) continue;
      written += piece.text;
      call.tell({
        ...piece,
        values: joined(piece.values),
        speed: (1000 * count) / (performance.now() - began),
      });
      piece = { text: "", symbols: [], values: [] };
      isNewest = await call.rest();
    }
    const rest = writer.flush();
    if (rest !== "") call.tell({ text: rest, symbols: [], values: null, speed: 0 });
    return {
      text: written + rest,
      stopped: !writer.ended,
      speed: (1000 * count) / (performance.now() - began),
    };
  }

  /**
   * @param {Call} call
   * @param {{ text: string, options: { count: number, temperature: number, ghost: boolean } }} given
   */
  async predict(call, { text, options }) {
    const reader = this._readers.predict;
    if (!(await this._read(call, "predict", this._ids(text)))) return null;
    const { characters, ids } = this._vocabulary.encode(text);
    const unknown = characters.filter((_, place) => this._isUnknown(ids[place]));
    const found = likelyCharacters(this._vocabulary, reader, options);
    const likely = found.map((each) => ({ ...each, shown: visible(each.text) }));
    let ghost = "";
    if (options.ghost) {
      const greedy = {
        length: GHOST,
        temperature: 0,
        topK: 0,
        topP: 1,
        minP: 0,
        seed: 0,
        until: /** @type {"words"} */ ("words"),
      };
      const writer = new Writer(this._vocabulary, reader.copy(), greedy);
      while (!writer.ended) ghost += writer.next().text;
    }
    return { likely, ghost, unknown };
  }

  /**
   * @param {Call} call
   * @param {{ text: string }} given
   */
  async score(call, { text }) {
    const { characters, ids } = this._vocabulary.encode(text);
    const flat = ids.flat();
    const progress = (/** @type {number} */ share) => call.tell({ share });
    if (flat.length > 0 && !(await this._read(call, "score", flat, progress))) return null;
    const { begins } = this._vocabulary;
    const bits = new Float64Array(characters.length);
    /** @type {string[][]} */
    const likely = [];
    let place = 0;
    ids.forEach((each, character) => {
      const scored = this._scored.slice(place, place + each.length);
      bits[character] = each.length > 0 ? sumOf(scored.map((symbol) => symbol.bits)) : NaN;
      likely.push(scored.length > 0 ? scored[0].likely : []);
      place += each.length;
    });
    const total = sumOf(this._scored.slice(0, flat.length).map((symbol) => symbol.bits));
    const measured = flat.slice(1).filter((id) => begins[id] === 1).length;
    return {
      characters,
      bits,
      likely,
      unknown: Uint8Array.from(ids, (each) => Number(this._isUnknown(each))),
      total,
      perCharacter: total / measured,
      measured,
      skipped: ids.filter((each) => each.length === 0).length,
    };
  }

  /**
   * @param {Call} call
   * @param {{ text: string, options: { layer: number, quantity: string } }} given
   */
  async trace(call, { text, options: { layer, quantity } }) {
    const ids = this._vocabulary.encode(text).ids.flat();
    const H = this._network.description.hidden;
    const values = new Float32Array(ids.length * H);
    const state = this._network.begin(ids[0] ?? -1);
    for (const [place, id] of ids.entries()) {
      this._network.step(state, id);
      values.set(this._network.values(quantity, layer, state), place * H);
      if (call.isDue && !(await call.rest())) return null;
    }
    return { symbols: ids.map((id) => this._vocabulary.name(id)), values, units: H };
  }
}

/** @param {Float32Array[]} lines */
function joined(lines) {
  if (lines.length === 0) return null;
  const all = new Float32Array(lines.length * lines[0].length);
  for (const [place, line] of lines.entries()) all.set(line, place * line.length);
  return all;
}

/** @param {number[]} values */
function sumOf(values) {
  return values.reduce((a, b) => a + b, 0);
}

/** @type {Promise<Service> | null} */
let service = null;

addEventListener("message", async ({ data: { id, kind, given } }) => {
  try {
    if (kind === "open") {
      const began = performance.now();
      const opening = openModel(given.manifest, given.weights);
      service = opening.then((model) => new Service(model));
      const { network } = await opening;
      postMessage({ id, result: { simd: network.simd, milliseconds: performance.now() - began } });
      return;
    }
    const call = new Call(kind, id);
    if (kind === "stop") {
      newest.write = id;
      postMessage({ id, result: null });
      return;
    }
    const model = /** @type {Service} */ (await service);
    postMessage({ id, result: await model[/** @type {"write"} */ (kind)](call, given) });
  } catch (error) {
    postMessage({ id, error: String(error) });
  }
});
