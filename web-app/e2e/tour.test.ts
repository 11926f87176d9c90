// Every screen once, on a phone and on a desk: all can use it, and `npm run screenshot` keeps it.

import type { Browser, Locator, Page } from "playwright-core";
import { expect, test } from "vitest";
import { fits } from "./access.ts";
import { frames, House, offered, openPage, PERMIT, type Trace } from "./harness.ts";
import { isShooting, shot, SIZES, type Size } from "./shots.ts";

const PASSWORD = "correct horse battery";

test.each<Size>(["phone", "desktop"])("a tour on a %s", { timeout: 300_000 }, async (size) => {
  await using house = await House.open("deny", "--registration", "open");
  await house.manage("account add ann --kind admin --label Ann", `${PASSWORD}\n`);
  await house.manage("account add bob --label Bob", `${PASSWORD}\n`);
  const [door, garden] = [await house.device("door"), await house.device("garden")];
  await house.producer("door", "test:smpte", door);
  await house.producer("garden", "test:ball", garden);
  const browser = await house.browser(PERMIT);
  // Phones are looked at in the dark; in the guide everything is light.
  const colorScheme = size === "phone" && !isShooting ? "dark" : "light";
  const { page, trace } = await openPage(browser, house.url, {
    viewport: SIZES[size],
    colorScheme,
  });

  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await show(page, "login", size);
  await page.getByRole("button", { name: "Make an account" }).click();
  await show(page, "register", size);
  await page.getByRole("button", { name: "I have an account" }).click();
  await logIn(page, "ann");
  await label(page, "door", "Front door");
  await label(page, "garden", "Garden");
  await page.reload();
  await page.locator(offered("Front door")).click();
  await page.locator(offered("Garden")).click();
  await frames(page, 30);
  await show(page, "wall", size);
  await page.getByRole("button", { name: "Stop: Garden" }).click();
  await page.getByRole("button", { name: /^Stop/ }).click();
  await send(page, size);
  await call(page, await other(browser, house.url), size);

  await page.getByRole("link", { name: "Calls" }).click();
  await page.getByRole("listitem").filter({ hasText: "Bob" }).first().waitFor();
  await show(page, "history", size);
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("heading", { name: "What others may do" }).waitFor();
  await page.getByText("This one").waitFor();
  await show(page, "settings", size);
  await page.getByRole("link", { name: "Home" }).click();
  await page.locator(offered("Front door")).click();
  await frames(page, 1);
  await page.getByRole("link", { name: "Admin" }).click();
  await page.getByRole("button", { name: "Manage bob" }).click();
  await page.getByRole("button", { name: "Make a token" }).waitFor();
  await page.getByRole("combobox", { name: "See: who" }).waitFor();
  await show(page, "admin-accounts", size);
  await page.getByRole("button", { name: "Connected" }).click();
  await page.getByText("ann watches door").waitFor();
  await show(page, "admin-connections", size);
  await page.getByRole("button", { name: "What happened" }).click();
  await page.getByRole("cell", { name: "Add account" }).first().waitFor();
  await show(page, "admin-audit", size);
  expect(trace.errors).toEqual([]);
});

/** What one sends, on air. */
async function send(page: Page, size: Size): Promise<void> {
  await page.getByRole("button", { name: "Open preview" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("Kitchen");
  await page.getByRole("button", { name: "Go on air" }).click();
  await page.getByText("Nobody is watching yet").waitFor();
  const stop = page.getByRole("button", { name: "Stop sending" });
  await show(page, "sending", size, stop);
  await stop.click();
}

/** Three calls of Ann and Bob: one is missed, one goes well, in one Bob leaves while it rings. */
async function call(ann: Page, bob: { page: Page; trace: Trace }, size: Size): Promise<void> {
  const rings = bob.page.getByRole("heading", { name: "Ann is calling" });
  await bob.page.setViewportSize(SIZES[size]);
  await ann.getByRole("button", { name: "Call Bob" }).waitFor();
  await show(ann, "home", size);
  await ann.getByRole("button", { name: "Call Bob" }).click();
  await rings.waitFor();
  await ann.getByText("Ringing…").waitFor();
  await show(ann, "waiting", size);
  await show(bob.page, "incoming", size);
  await ann.getByRole("button", { name: "Cancel the call" }).click();
  await bob.page.getByText("Missed call from Ann").waitFor();
  await show(bob.page, "missed", size);
  await ann.getByRole("button", { name: "Call again" }).click();
  await rings.waitFor();
  await bob.page.getByRole("button", { name: "Accept" }).click();
  await frames(ann, 30);
  await show(ann, "call", size);
  await ann.getByRole("button", { name: "Quality" }).click();
  await frames(ann, 60);
  await ann.getByText("Stable", { exact: true }).waitFor();
  await show(ann, "quality", size);
  await ann.getByRole("button", { name: "Devices" }).click();
  await ann.getByRole("combobox", { name: "Microphone" }).waitFor();
  await show(ann, "devices", size);
  await ann.getByRole("button", { name: "Hang up" }).click();
  await bob.page.getByRole("heading", { name: "Call ended" }).waitFor();
  await bob.page.getByRole("button", { name: "Back" }).click();
  await ann.getByRole("button", { name: "Call again" }).click();
  await rings.waitFor();
  expect(bob.trace.errors).toEqual([]);
  await bob.page.close();
  await ann.getByText("closes the page").waitFor();
  await show(ann, "ended", size);
  await ann.getByRole("button", { name: "Back" }).click();
}

async function other(browser: Browser, url: string): Promise<{ page: Page; trace: Trace }> {
  const opened = await openPage(browser, url);
  await logIn(opened.page, "bob");
  return opened;
}

/** As an admin. */
async function label(page: Page, name: string, label: string): Promise<void> {
  const status = await page.evaluate(
    async ([path, body]) => {
      const headers = { "content-type": "application/json" };
      return (await fetch(`${path}`, { method: "PATCH", headers, body: `${body}` })).status;
    },
    [`/api/accounts/${name}`, JSON.stringify({ label })],
  );
  expect(status).toBe(200);
}

async function logIn(page: Page, name: string): Promise<void> {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByText("Connected", { exact: true }).waitFor();
}

/** Looks at the page, or keeps it; of a picture, `at` is to be in it. */
async function show(page: Page, name: string, size: Size, at?: Locator): Promise<void> {
  await (isShooting ? shot(page, name, size, at) : fits(page));
}
