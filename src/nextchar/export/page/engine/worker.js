// The worker of the page: answers the calls of `client.js`, in slices, so that each can be given up.

import { openModel } from "./model.js";
import { Reader } from "./reader.js";
import { probabilities, ranked } from "./sampling.js";
import { visible } from "./vocabulary.js";
import { likelyCharacters, suggestion, Writer } from "./writing.js";

// Ms between two looks at the messages.
const SLICE = 25;
// Ms of reading before its progress is told.
const QUICK = 300;
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
    this._began = performance.now();
    this._since = this._began;
    newest[kind] = id;
  }

  get isNewest() {
    return newest[this._kind] === this._id;
  }

  get isLong() {
    return performance.now() - this._began >= QUICK;
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
    // What one call has read of the text that is written, another need not read again.
    this._text = new Reader(model);
    this._measuredText = new Reader(model);
    /** The call that uses each reader; an older one is given up. @type {Map<Reader, Call>} */
    this._users = new Map();
    /** Of each symbol that the second reader knows. @type {{ bits: number, likely: string[] }[]} */
    this._scored = [];
  }

  /**
   * Read a text, and tell of the progress; return whether the call was not given up.
   * @param {Call} call
   * @param {Reader} reader
   * @param {number[]} ids
   * @param {boolean} [scores] Whether to keep the bits of every symbol.
   */
  async _read(call, reader, ids, scores) {
    this._users.set(reader, call);
    const known = reader.known(ids);
    reader.rewind(ids, known);
    for (let place = known; place < ids.length; place++) {
      if (scores) this._scored[place] = this._measured(reader.logits, ids[place], place);
      reader.read(ids[place]);
      if (!call.isDue) continue;
      if (call.isLong) call.tell({ share: place / ids.length });
      if (!(await call.rest()) || this._users.get(reader) !== call) return false;
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

  /** The characters of a text that the model does not know. @param {string} text */
  _unknown(text) {
    const { characters, ids } = this._vocabulary.encode(text);
    return characters.filter((_, place) => this._isUnknown(ids[place]));
  }

  /** Names of symbols, and whether each begins a character. @param {number[]} ids */
  _named(ids) {
    return {
      symbols: ids.map((id) => this._vocabulary.name(id)),
      begins: ids.map((id) => this._vocabulary.begins[id] === 1),
    };
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
    if (!(await this._read(call, this._text, this._ids(text))))
      return { text: "", stopped: true, speed: 0 };
    const writer = new Writer(this._vocabulary, this._text.copy(), options);
    const began = performance.now();
    let written = "";
    let count = 0;
    let isNewest = true;
    /** @type {number[]} */
    let ids = [];
    let more = "";
    /** @type {Float32Array[]} */
    let values = [];
    while (!writer.ended && isNewest) {
      const next = writer.next();
      count += 1;
      more += next.text;
      ids.push(next.id);
      if (options.watch) {
        const { quantity, layer } = options.watch;
        values.push(this._network.values(quantity, layer, writer.position.state));
      }
      if (!call.isDue && !writer.ended) continue;
      written += more;
      call.tell({
        text: more,
        ...this._named(ids),
        values: joined(values),
        speed: (1000 * count) / (performance.now() - began),
      });
      ids = [];
      more = "";
      values = [];
      isNewest = await call.rest();
    }
    const rest = writer.flush();
    if (rest !== "") call.tell({ text: rest, ...this._named([]), values: null, speed: 0 });
    return {
      text: written + rest,
      stopped: !writer.ended,
      speed: (1000 * count) / (performance.now() - began),
    };
  }

  /**
   * @param {Call} call
   * @param {{ text: string, options: { count: number, temperature: number } }} given
   */
  async predict(call, { text, options }) {
    const reader = this._text;
    if (!(await this._read(call, reader, this._ids(text)))) return null;
    const unknown = this._unknown(text);
    const found = likelyCharacters(this._vocabulary, reader, options);
    const likely = found.map((each) => ({ ...each, shown: visible(each.text) }));
    return { likely, ghost: suggestion(this._vocabulary, reader.copy()), unknown };
  }

  /**
   * @param {Call} call
   * @param {{ text: string }} given
   */
  async score(call, { text }) {
    const { characters, ids } = this._vocabulary.encode(text);
    const flat = ids.flat();
    if (flat.length > 0 && !(await this._read(call, this._measuredText, flat, true))) return null;
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
    return { ...this._named(ids), values, unknown: this._unknown(text) };
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
