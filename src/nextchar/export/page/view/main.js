import { Engine } from "../engine/client.js";
import { unpacked } from "../engine/packed.js";
import { startAbout } from "./about.js";
import { find } from "./dom.js";
import { setLanguage, tell } from "./language.js";
import { startLook } from "./look.js";
import { startMeasure } from "./measure.js";
import { startTabs } from "./tabs.js";
import { startWrite } from "./write.js";

async function open() {
  const script = await unpacked(find("worker").textContent);
  const engine = new Engine(script, manifest, find("weights").textContent);
  const writer = startWrite(engine, manifest.prompt);
  const measure = startMeasure(engine, writer, about.kind);
  const look = startLook(engine, writer, network, about.kind);
  show = (section) => {
    if (section === "write") writer.reveal();
    if (section === "measure") measure();
    look(section === "look");
  };
  setLanguage(manifest.language);
  await engine.opened;
  tell("ready");
  writer.start();
}

/** @type {import("./about.js").Manifest} */
const manifest = JSON.parse(find("manifest").textContent);
const { about, network, vocabulary } = manifest;
/** What a section does when it is seen. @type {(section: string) => void} */
let show = () => {};
startTabs((section) => {
  find("status").dataset.section = section;
  show(section);
});
startAbout(manifest);
setLanguage(manifest.language);
for (const button of document.querySelectorAll("button[lang]")) {
  button.addEventListener("click", () => setLanguage(button.getAttribute("lang")));
}
// A text with tabs is code, or a table.
document.body.classList.toggle("code", Boolean(vocabulary.symbols?.includes("\t")));
addEventListener("unhandledrejection", (event) =>
  tell("failed", { why: String(event.reason?.message ?? event.reason) }),
);
for (const button of document.querySelectorAll("button:not(.paragraph,#back)"))
  button.removeAttribute("disabled");
open();
