// Runs the engine of a page in node: reads requests from standard input, and prints the answers as JSON.

import { argv, stdin, stdout } from "node:process";
import { text } from "node:stream/consumers";

const requests = JSON.parse(await text(stdin));
const at = (name) => import(`${argv[2]}/engine/${name}.js`);
const { openModel } = await at("model");
const { Reader } = await at("reader");
const { Uniforms } = await at("uniforms");
const { exp, log } = await at("elementary");
const { choose, probabilities } = await at("sampling");
const { Vocabulary } = await at("vocabulary");
const { isComplete, likelyCharacters, wholeWords, Writer } = await at("writing");

const sampling = { temperature: 1, topK: 0, topP: 1, minP: 0, until: "" };

/** Read ids, and return the reader. */
function read(model, ids) {
  const reader = new Reader(model);
  reader.rewind(ids, 0);
  for (const id of ids) reader.read(id);
  return reader;
}

const answers = {
  exp: ({ values }) => values.map(exp),
  log: ({ values }) => values.map(log),
  uniforms: ({ seed, count }) => {
    const uniforms = new Uniforms(seed);
    return Array.from({ length: count }, () => uniforms.next());
  },
  choose: ({ logits, options, uniform, excluded }) =>
    choose(
      Float32Array.from(logits),
      { ...sampling, ...options },
      uniform,
      Uint8Array.from(excluded),
    ),
  encode: ({ vocabulary, composes, text }) => new Vocabulary(vocabulary, composes).encode(text),
  decode: ({ vocabulary, pieces }) => {
    const decoder = new Vocabulary(vocabulary, false).decoder();
    return [...pieces.map((ids) => decoder.feed(ids)), decoder.flush()];
  },
  // The lengths at which a text is complete.
  ends: ({ text, until }) =>
    Array.from(text, (_, place) => place + 1).filter((end) =>
      isComplete(text.slice(0, end), until),
    ),
  words: ({ text }) => wholeWords(text),
  simd: (_, model) => model.network.simd,
  logits: ({ ids }, model) => {
    const reader = new Reader(model);
    reader.rewind(ids, 0);
    return ids.map((id) => {
      reader.read(id);
      return Array.from(reader.logits);
    });
  },
  reread: ({ texts }, model) => {
    const reader = new Reader(model);
    return texts.map((ids) => {
      const known = reader.known(ids);
      reader.rewind(ids, known);
      for (const id of ids.slice(known)) reader.read(id);
      return { known, logits: Array.from(reader.logits) };
    });
  },
  write: ({ text, options }, model) => {
    const ids = model.vocabulary.encode(text).ids.flat();
    const reader = read(model, ids.length > 0 ? ids : model.vocabulary.context);
    const writer = new Writer(model.vocabulary, reader.copy(), {
      ...sampling,
      ...options,
    });
    const symbols = [];
    let written = "";
    const began = performance.now();
    while (!writer.ended) {
      const { id, text: more } = writer.next();
      symbols.push(id);
      written += more;
    }
    const seconds = (performance.now() - began) / 1000;
    return { text: written + writer.flush(), symbols, seconds };
  },
  values: ({ ids, quantity, layer }, model) => {
    const state = model.network.begin(ids[0]);
    return ids.map((id) => {
      model.network.step(state, id);
      return Array.from(model.network.values(quantity, layer, state));
    });
  },
  likely: ({ ids, options }, model) =>
    likelyCharacters(model.vocabulary, read(model, ids), options),
  mixtures: ({ ids, logits }, { experts }) =>
    logits.map((each, place) => {
      const mixed = new Float32Array(each.length);
      experts.predict(ids.slice(0, place + 1), Float32Array.from(each), mixed);
      return Array.from(mixed);
    }),
  probabilities: ({ logits }) => Array.from(probabilities(Float32Array.from(logits))),
};

const model = requests.manifest ? await openModel(requests.manifest, requests.weights) : null;
stdout.write(
  JSON.stringify(requests.calls.map(({ call, ...given }) => answers[call](given, model))),
);
