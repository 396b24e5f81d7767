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
  const measure = startMeasure(engine);
  const look = startLook(engine, writer, manifest.network);
  show = (section) => {
    if (section === "write") writer.reveal();
    if (section === "measure") measure(writer.text);
    look(section === "look");
  };
  setLanguage(manifest.language);
  const { milliseconds } = await engine.opened;
  tell("ready", { n: milliseconds });
  writer.start();
}

/** @type {import("./about.js").Manifest} */
const manifest = JSON.parse(find("manifest").textContent);
/** What a section does when it is seen. @type {(section: string) => void} */
let show = () => {};
startTabs((section) => show(section));
startAbout(manifest);
setLanguage(manifest.language);
for (const button of document.querySelectorAll("button[lang]")) {
  button.addEventListener("click", () => setLanguage(button.getAttribute("lang")));
}
addEventListener("unhandledrejection", (event) =>
  tell("failed", { why: String(event.reason?.message ?? event.reason) }),
);
open();
