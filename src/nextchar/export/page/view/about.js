import { find, make, put } from "./dom.js";
import { number, onLanguage, say } from "./language.js";

/**
 * What the page is told of the model.
 * @typedef {object} Manifest
 * @property {string} prompt
 * @property {string} language
 * @property {{ trainedOn: string | null, characters: number | null, symbols: number,
 *   kind: "char" | "byte" | "jamo", network: string, parameters: number, steps: number | null,
 *   minutes: number | null, bits: number | null, license: string | null,
 *   version: string | null }} about
 * @property {{ cell: string, layers: number, hidden: number, quantities: string[] }} network
 * @property {object | null} experts
 * @property {{ symbols?: string[] }} vocabulary
 */

/** Where the model comes from, and how to make another.
 *  @param {Manifest} manifest */
export function startAbout({ about, network: { cell, layers, hidden }, experts }) {
  const command = find("command");
  /** @type {import("./language.js").Key | null} */
  let outcome = null;
  const sayCopied = () => put("copied", outcome ? say(outcome) : "");
  find("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command.textContent);
      outcome = "copied";
    } catch {
      getSelection()?.selectAllChildren(command);
      outcome = "selected";
    }
    sayCopied();
  });

  onLanguage(() => {
    sayCopied();
    const {
      trainedOn,
      characters,
      symbols,
      kind,
      parameters,
      steps,
      minutes,
      bits,
      license,
      version,
    } = about;
    /** @type {[import("./language.js").Key, string | null | false][]} */
    const rows = [
      [
        "trainedOn",
        [trainedOn, characters !== null && say("charactersOf", { n: characters })]
          .filter(Boolean)
          .join(", "),
      ],
      [
        "network",
        say("networkIs", {
          words: about.network,
          cell: cell.toUpperCase(),
          layers,
          hidden,
          n: parameters,
        }),
      ],
      ["counts", experts && say("countsAre")],
      ["symbols", say(kind, { n: symbols })],
      [
        "training",
        [
          steps !== null && say("steps", { n: steps }),
          minutes !== null && say("minutes", { n: number(minutes, 1) }),
        ]
          .filter(Boolean)
          .join(", "),
      ],
      ["quality", bits !== null && say("qualityIs", { n: number(bits, 2) })],
      ["license", license],
      ["version", version && `nextchar ${version}`],
    ];
    find("facts").replaceChildren(
      ...rows.flatMap(([key, value]) => (value ? [make("dt", say(key)), make("dd", value)] : [])),
    );
  });
}
