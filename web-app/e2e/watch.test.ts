// A device is watched in the page, over a server that may die.

import { expect, test } from "vitest";
import {
  connections,
  frames,
  House,
  offered,
  openPage,
  PERMIT,
  sound,
  watched,
} from "./harness.ts";
import { Person } from "./people.ts";
import { program } from "./program.ts";

test("a picture of 1280×720 and sound arrive, and nobody else is asked for anything", async () => {
  await using house = await House.open();
  await house.producer("door");
  const { page, trace } = await openPage(await house.browser(PERMIT), house.url);
  await page.locator(offered("door")).click();
  const asked = Date.now();
  await frames(page, 1);
  console.info(`first frame ${Date.now() - asked} ms after the click`);
  await frames(page, 60, [1280, 720]);
  expect(await sound(page)).toBeGreaterThan(0.01);
  await page.getByText("1280 × 720").waitFor();

  for (const url of trace.requests) expect(new URL(url).host).toBe(`localhost:${house.port}`);
  expect(trace.requests).toContain(`wss://localhost:${house.port}/ws`);
  expect((await connections(page)).map(({ iceServers }) => iceServers)).toEqual([[]]);
  expect(trace.errors).toEqual([]);
});

test("a killed signaller stops no picture, and the list is back soon", async () => {
  await using house = await House.open();
  await house.producer("door");
  const { page } = await openPage(await house.browser(PERMIT), house.url);
  const current = page.locator(watched("door"));
  const connected = page.getByText("Connected", { exact: true });
  await page.locator(offered("door")).click();
  await frames(page, 10);
  const before = await current.getAttribute("data-peer");

  await house.killSignaller();
  await page.getByText("Server unreachable").waitFor();
  await frames(page, 60);
  await house.startSignaller();
  const restarted = Date.now();
  await connected.waitFor();
  await page.locator(`${watched("door")}:not([data-peer="${before}"])`).waitFor();
  // Both ends look every 4 s at the latest; the rest is for a busy machine.
  expect(Date.now() - restarted).toBeLessThan(30_000);
  await frames(page, 30);
  expect(await connections(page)).toHaveLength(1);

  await page.getByRole("button", { name: "Stop" }).click();
  await page.locator(offered("door")).click();
  await frames(page, 10);
  expect(await connections(page)).toHaveLength(2);
});

test("a picture that stops is said to be unstable, and got back over a new connection", async () => {
  await using house = await House.open("deny");
  await house.producer("door", "test:ball", await house.device("door"));
  const ann = await Person.of(house, await house.browser(), "ann");
  const lose = await ann.throttle();
  await ann.page.locator(offered("door")).click();
  await frames(ann.page, 10);
  // It stands there for seconds only: the page itself looks out for it.
  const unstable = ann.page.waitForFunction(() => document.body.innerText.includes("Unstable"));
  await lose(100);
  await unstable;
  await expect.poll(async () => (await connections(ann.page)).length).toBeGreaterThan(1);
  await lose(0);
  await ann.page.getByText("Live", { exact: true }).waitFor();
  await frames(ann.page, 10);
});

test("a producer that leaves is said to be gone, and watched again when it returns", async () => {
  await using house = await House.open();
  const door = await house.producer("door");
  const { page } = await openPage(await house.browser(PERMIT), house.url);
  await page.locator(offered("door")).click();
  await frames(page, 10);
  await door.stop();
  await page.getByText("It went off the air").waitFor();
  await page.getByText("Nothing is on air").waitFor();
  await house.producer("door");
  await frames(page, 10);
  await page.getByText("Live", { exact: true }).waitFor();
});

test("a program whose person takes a while is waited for, and said to be late", async () => {
  await using house = await House.open();
  const browser = await house.browser(PERMIT);
  const offerNow = await program(house, browser, "kiosk");
  const { page } = await openPage(browser, house.url);
  await page.locator(offered("kiosk")).click();
  await page.getByText("Connecting to kiosk…").waitFor();
  await page.getByText("kiosk has not answered yet").first().waitFor();
  await offerNow();
  await frames(page, 10);
  await page.getByText("Live", { exact: true }).waitFor();
  expect(await connections(page)).toHaveLength(1);
});

test("a program with room for one viewer is listed by its name, and taken for the second", async () => {
  await using house = await House.open("full", "--simple-login", "local");
  const browser = await house.browser();
  const { page: example } = await openPage(browser, house.url);
  await example.evaluate(async () => {
    const socket = new WebSocket(`wss://${location.host}/simple`);
    const hears = (): Promise<unknown> =>
      new Promise((heard) => socket.addEventListener("message", heard, { once: true }));
    socket.addEventListener("open", () => socket.send("HELLO kiosk"));
    await hears();
    (window as unknown as Kiosk).asked = hears();
  });
  const [first, second] = [await openPage(browser, house.url), await openPage(browser, house.url)];
  await first.page.locator(offered("kiosk")).click();
  await first.page.getByText("Connecting to kiosk…").waitFor();
  // The first is there, and only then comes the second.
  await example.evaluate(() => (window as unknown as Kiosk).asked.then(() => undefined));
  await second.page.locator(offered("kiosk")).click();
  await second.page.getByText("Somebody else is watching it").first().waitFor();
  await first.page.getByRole("button", { name: "Stop" }).click();
  // Its only session has ended: it has to come again.
  await second.page.getByText("Nothing is on air").waitFor();
  expect([...first.trace.errors, ...second.trace.errors]).toEqual([]);
});

interface Kiosk {
  /** Fulfilled once somebody wants its picture. */
  asked: Promise<unknown>;
}
