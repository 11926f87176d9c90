// Makes the icons of an installed app out of public/icon.svg: `npm run icons`.

import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";

const DIR = new URL("../public/", import.meta.url);
const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

const svg = await readFile(new URL("icon.svg", DIR), "utf8");
// Systems cut their own shape out of these: no corners, and the drawing well within a circle.
const whole = svg
  .replace(' rx="8"', "")
  .replace("<g ", '<g transform="translate(16 16) scale(0.72) translate(-16 -18.2)"><g ')
  .replace("</svg>", "</g></svg>");

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
try {
  await draw(svg, 192, "icon-192.png");
  await draw(svg, 512, "icon-512.png");
  await draw(whole, 512, "icon-maskable-512.png");
  await draw(whole, 180, "apple-touch-icon.png");
} finally {
  await browser.close();
}

async function draw(source, size, name) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<style>body{margin:0}svg{display:block}</style>${source}`);
  await page.screenshot({ path: new URL(name, DIR).pathname, omitBackground: true });
  await page.close();
}
