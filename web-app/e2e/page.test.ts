// The page itself: that it is the built one, for everybody, and clear when something is missing.

import { readdir, readFile } from "node:fs/promises";
import { get } from "node:https";
import { resolve } from "node:path";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { faults, smallTargets } from "./access.ts";
import { frames, House, offered, openPage, PERMIT, readText } from "./harness.ts";

const DIST = resolve("dist");

test("the server serves exactly what was built", async () => {
  await using house = await House.open();
  const ca = await readText(house.ca);
  const entries = await readdir(DIST, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  expect(files.length).toBeGreaterThanOrEqual(4);
  for (const file of files) {
    const path = resolve(file.parentPath, file.name);
    const served = await fetchWith(ca, new URL(path.slice(DIST.length), house.url));
    expect(served.equals(await readFile(path)), path).toBe(true);
  }
  const index = await fetchWith(ca, new URL(house.url));
  expect(index.equals(await readFile(resolve(DIST, "index.html")))).toBe(true);
});

test("the keyboard alone watches, mutes and stops", async () => {
  await using house = await House.open();
  await house.producer("door");
  const { page } = await openPage(await house.browser(PERMIT), house.url);
  await page.locator(offered("door")).waitFor();
  await tabTo(page, /^\w? ?door.*Watch$/);
  await page.keyboard.press("Enter");
  await frames(page, 10);
  await expect.poll(() => focused(page)).toMatch(/^\w? ?door.*Watching$/);
  await tabTo(page, /^Mute$/, "Shift+Tab");
  await page.keyboard.press("Space");
  await page.getByRole("button", { name: "Unmute" }).waitFor();
  await tabTo(page, /^Stop$/);
  await page.keyboard.press("Enter");
  await page.getByText("Choose something to watch").waitFor();
  await expect.poll(() => focused(page)).toMatch(/^\w? ?door.*Watch$/);
});

test.each([
  { name: "a phone in the dark", width: 390, height: 844, colorScheme: "dark" },
  { name: "a desk in the light", width: 1280, height: 800, colorScheme: "light" },
] as const)("nothing keeps anybody out on $name", async ({ width, height, colorScheme }) => {
  await using house = await House.open();
  await house.producer("door");
  const options = { viewport: { width, height }, colorScheme };
  const { page, trace } = await openPage(await house.browser(PERMIT), house.url, options);
  await page.locator(offered("door")).click();
  await page.getByRole("button", { name: "Open preview" }).click();
  await page.getByRole("button", { name: "Go on air" }).waitFor();
  await frames(page, 5);
  await page
    .getByRole("status")
    .filter({ hasText: /^Watching door$/ })
    .waitFor();
  expect(await faults(page)).toEqual([]);
  expect(await smallTargets(page)).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(
    width,
  );
  expect(trace.errors).toEqual([]);
});

test("a browser that may only watch is told so when it wants to send", async () => {
  await using house = await House.open("watch");
  const { page } = await openPage(await house.browser(PERMIT), house.url);
  await page.getByText("Connected", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Open preview" }).click();
  await page.getByRole("button", { name: "Go on air" }).click();
  await page.getByRole("alert").getByText("The server said no").waitFor();
  await page.getByRole("button", { name: "Go on air" }).waitFor();
});

test("a camera that may not be used is a sentence, not a dead end", async () => {
  await using house = await House.open();
  const { page } = await openPage(await house.browser(), house.url);
  await page.getByRole("button", { name: "Open preview" }).click();
  await page.getByRole("alert").getByText("may not use your camera and microphone").waitFor();
  await page.getByRole("button", { name: "Open preview" }).waitFor();
});

/** The text of what has the focus. */
async function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const visible = document.activeElement as HTMLElement | null;
    return visible?.innerText.replaceAll(/\s+/g, " ").trim() ?? "";
  });
}

async function tabTo(page: Page, text: RegExp, key = "Tab"): Promise<void> {
  for (let presses = 0; presses < 20; presses += 1) {
    await page.keyboard.press(key);
    if (text.test(await focused(page))) return;
  }
  throw new Error(`no way to ${String(text)} with ${key}`);
}

function fetchWith(ca: string, url: URL): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    get(url, { ca }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => {
        if (response.statusCode === 200) resolve(Buffer.concat(parts));
        else reject(new Error(`${url.pathname}: ${response.statusCode}`));
      });
    }).on("error", reject);
  });
}
