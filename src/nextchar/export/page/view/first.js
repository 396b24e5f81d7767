import { unpacked } from "../engine/packed.js";

/** Unpacks the page's own script and runs it; the policy of the page knows its hash. */
async function run() {
  const script = document.createElement("script");
  const text = await unpacked(/** @type {any} */ (document.getElementById("main")).textContent);
  script.textContent = new TextDecoder().decode(text);
  document.body.append(script);
}

const lacking = ["Worker", "DecompressionStream"].filter((name) => !(name in globalThis));
const says =
  document.documentElement.lang === "ko"
    ? "브라우저가 오래되어 이 페이지를 쓸 수 없습니다. 없는 기능: "
    : "This browser is too old for this page. It lacks: ";
if (lacking.length) document.body.prepend(says + lacking.join(", "));
else run();
